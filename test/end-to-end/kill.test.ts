import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { parseClientState } from '../../client/format/client-state.ts';
import type { Files } from '../../client/effects/effects.ts';
import { type CutRun, cutOff } from '../support/cut-off.ts';
import { snapshot } from '../support/snapshot.ts';
import {
  client,
  type Ended,
  fileContent,
  NAMES,
  publish,
  readIfThere,
  standing,
  versionAt,
  world,
} from '../support/three-components.ts';

/**
 * One update of three components, cut off before its first effect, before its second, and so on to the end.
 * What a program finds at the install paths is one whole set, the old or the new one, and the next run
 * brings the new one and leaves nothing unfinished.
 */

t.setTimeout(300_000);

const apply = (dir: string, run: CutRun): Promise<Ended> => client(dir, ['apply'], run);

/** What the next run must have brought, whatever happened before it. */
async function checkDone(
  t: Test,
  dir: string,
  { version, before }: Scenario,
  where: string,
): Promise<void> {
  const again = await apply(dir, cutOff(Infinity));
  const faults: string[] = [];
  const check = (fine: boolean, what: string): void => {
    if (!fine) faults.push(what);
  };
  check(again.status === 0, `the next run ends with ${again.status}: ${again.said}`);
  check(
    standing(dir).every((found) => found === version),
    `then there stands ${standing(dir).join(', ')}`,
  );
  const names = Object.keys(snapshot(path.join(dir, 'data')));
  const left = names.filter((name) => /\.quantix-|\.new$|staging/.test(name));
  check(left.length === 0, `left behind: ${left.join(', ')}`);
  check(floorOf(dir) === Number(version[0]), `the floor is ${floorOf(dir)}`);
  const history = readIfThere(path.join(dir, 'data/updates/history.ndjson'));
  const told = history
    .split('\n')
    .filter((line) => line.includes(`"version":"${version}"`));
  check(told.length === 1, `${told.length} lines of history`);
  check(wayBack(dir).join() === before.join(), `the way back is ${wayBack(dir).join()}`);
  if (faults.length > 0) t.fail(`${where}: ${faults.join('; ')}`);
}

/** What the generation before the current one holds for each install path. */
function wayBack(dir: string): string[] {
  const components = path.join(dir, 'data/components');
  const record = readIfThere(path.join(components, 'current/.release.json'));
  const { previous } = JSON.parse(record) as { previous?: number };
  const place = path.join(components, 'generations', String(previous));
  return NAMES.map((name) => versionAt(path.join(place, name)));
}

function floorOf(dir: string): number {
  const states = ['state-0.json', 'state-1.json'].flatMap((name) => {
    const place = path.join(dir, 'data/updates', name);
    return fs.existsSync(place) ? [parseClientState(fs.readFileSync(place))] : [];
  });
  const newest = states.sort((a, b) => b.generation - a.generation)[0];
  return newest?.repositories.example?.floors['quantix-os'] ?? 0;
}

interface Scenario {
  /** Makes what the host is before the update. */
  prepare: (dir: string) => void | Promise<void>;
  /** Versions of the old set at the three places; "" is nothing. */
  before: string[];
  /** What an install path may show for a moment instead, by its place: "" for nothing. */
  between?: Record<number, string[]>;
  version: string;
  /** The first effect to cut, where those before it are cut in another scenario already. */
  from?: RegExp;
  change?: (files: Files) => Files;
}

async function cutEverywhere(t: Test, dir: string, scenario: Scenario): Promise<void> {
  const prepared = path.join(dir, 'prepared');
  await scenario.prepare(prepared);
  t.same(standing(prepared), scenario.before);
  const whole = await uncut(prepared, scenario);
  const first = whole.findIndex((effect) => scenario.from?.test(effect) ?? true) + 1;
  t.ok(first > 0);
  for (let last = first; last <= whole.length; last += 1) {
    const host = path.join(dir, `host-${last}`);
    fs.cpSync(prepared, host, { recursive: true, verbatimSymlinks: true });
    const run = cutOff(last, scenario.change);
    await apply(host, run);
    const where = `cut before effect ${last}, ${run.seen.at(-1)}`;
    checkOneSet(t, standing(host), scenario, where);
    await checkDone(t, host, scenario, where);
    fs.rmSync(host, { recursive: true });
  }
  t.comment(`${whole.length} effects, cut from the ${first}.`);
}

/** The effects of a run that nothing cuts off. */
async function uncut(prepared: string, scenario: Scenario): Promise<string[]> {
  const host = `${prepared}-uncut`;
  fs.cpSync(prepared, host, { recursive: true, verbatimSymlinks: true });
  const run = cutOff(Infinity, scenario.change);
  const { status, said } = await apply(host, run);
  if (status !== 0) throw new Error(said);
  return run.seen;
}

function checkOneSet(t: Test, found: string[], scenario: Scenario, where: string): void {
  const { before, between = {}, version } = scenario;
  const isNew = found.every((each) => each === version);
  const isOld = found.every(
    (each, at) => each === before[at] || between[at]?.includes(each) === true,
  );
  if (!isNew && !isOld) t.fail(`${where}: there stands ${found.join(', ')}`);
}

/** As an image brings them: a file, a link to a file elsewhere, and a folder. */
function bake(dir: string): void {
  const at = (place: string): string => path.join(dir, place);
  for (const folder of ['data/bin', 'data/share/quantix-host-ui/static', 'opt'])
    fs.mkdirSync(at(folder), { recursive: true });
  fs.writeFileSync(at('data/bin/qx-node'), fileContent('qx-node', 'baked'));
  fs.writeFileSync(at('opt/console'), fileContent('qx-console', 'baked'));
  fs.symlinkSync('../../opt/console', at('data/bin/qx-console'));
  for (const name of ['version', 'static/app.js'])
    fs.writeFileSync(at(`data/share/quantix-host-ui/${name}`), 'baked');
  fs.symlinkSync('app.js', at('data/share/quantix-host-ui/static/main.js'));
}

const BAKED = ['baked', 'baked', 'baked'];

t.test('the first install, over a file, a link and a folder', async (t) => {
  const { dir, forge, host } = world(t);
  publish(forge, '1.0.0', 1);
  await cutEverywhere(t, dir, {
    prepare: (at) => {
      host(at);
      bake(at);
    },
    before: BAKED,
    between: { 2: [''] },
    version: '1.0.0',
  });
});

t.test('the first install, over a folder that cannot be renamed', async (t) => {
  const { dir, forge, host } = world(t);
  publish(forge, '1.0.0', 1);
  await cutEverywhere(t, dir, {
    prepare: (at) => {
      host(at);
      bake(at);
    },
    before: BAKED,
    from: /quantix-leaving/,
    // What cannot be moved aside is removed where it is.
    between: { 2: ['', 'mixed'] },
    version: '1.0.0',
    // The lower layer of an overlay: a folder of the image itself.
    change: (files) => ({
      ...files,
      rename: (from, to) =>
        from.endsWith('/data/share/quantix-host-ui')
          ? Promise.reject(Object.assign(new Error('EXDEV'), { code: 'EXDEV' }))
          : files.rename(from, to),
    }),
  });
});

t.test('the first install, where nothing stands', async (t) => {
  const { dir, forge, host } = world(t);
  publish(forge, '1.0.0', 1);
  await cutEverywhere(t, dir, {
    prepare: (at) => void host(at),
    before: ['', '', ''],
    from: /quantix-new/,
    version: '1.0.0',
  });
});

t.test('a later update', async (t) => {
  const { dir, forge, host } = world(t);
  publish(forge, '1.0.0', 1);
  await cutEverywhere(t, dir, {
    prepare: async (at) => {
      host(at);
      const first = await apply(at, cutOff(Infinity));
      t.equal(first.status, 0, first.said);
      publish(forge, '2.0.0', 2);
    },
    before: ['1.0.0', '1.0.0', '1.0.0'],
    version: '2.0.0',
  });
});
