import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { type Circumstances, type CutRun, cutOff } from '../support/cut-off.ts';
import {
  BAKED,
  bake,
  faultsAfter,
  faultsInBetween,
  hasGap,
  type Scenario,
} from '../support/kill-table.ts';
import { needsMounts } from '../support/needs.ts';
import { mountOverlay } from '../support/overlay.ts';
import { seeded } from '../support/seeded.ts';
import {
  client,
  type Ended,
  publish,
  standing,
  world,
} from '../support/three-components.ts';

/**
 * One update of three components, cut off before its first effect, before its second, and so on to the end, or
 * with its first effect failing, its second, and so on. What a program finds at the install paths is one whole
 * set, the old or the new one, and the next run brings the new one and leaves nothing unfinished.
 */

t.setTimeout(300_000);

const apply = (dir: string, run: CutRun): Promise<Ended> => client(dir, ['apply'], run);
const again = (dir: string): Promise<Ended> => apply(dir, cutOff(Infinity));

/** A fresh copy of a prepared host, and how it goes away. */
type Lay = (prepared: string, at: string) => () => void;

const copied: Lay = (prepared, at) => {
  fs.cpSync(prepared, at, { recursive: true, verbatimSymlinks: true });
  return () => fs.rmSync(at, { recursive: true });
};

/** The rest of a folder that was begun to be removed, and the link in its place. */
const REMOVAL = [
  'files.remove main.js',
  'files.removeDirectory static',
  'files.remove version',
  'files.removeDirectory quantix-host-ui',
  'files.rename quantix-host-ui',
];

interface How {
  lay?: Lay;
  /** Instead of being cut off, the effect with this number fails so. */
  fails?: (effect: number) => string;
}

interface Disturbed {
  /** The effects of an undisturbed run. */
  seen: string[];
  /** Those before which an install path showed neither the old nor the new. */
  gaps: string[];
}

async function disturbEverywhere(
  t: Test,
  dir: string,
  scenario: Scenario,
  { lay = copied, fails }: How = {},
): Promise<Disturbed> {
  const prepared = path.join(dir, 'prepared');
  await scenario.prepare(prepared);
  t.same(standing(prepared), scenario.before);
  const gaps: string[] = [];
  const disturbed = async (last: number): Promise<CutRun & { faults: string[] }> => {
    const host = path.join(dir, `host-${last}`);
    const remove = lay(prepared, host);
    const kind: Circumstances = fails === undefined ? {} : { fails: fails(last) };
    const run = cutOff(last, scenario.change, kind);
    await apply(host, run);
    if (hasGap(host, scenario)) gaps.push(run.seen[last - 1] ?? '');
    const faults = faultsInBetween(host, scenario);
    faults.push(...(await faultsAfter(host, scenario, again)));
    remove();
    return { ...run, faults };
  };
  const whole = await disturbed(Infinity);
  t.same(whole.faults, [], 'undisturbed');
  const { from = /^/ } = scenario;
  const first = whole.seen.findIndex((effect) => from.test(effect)) + 1;
  t.ok(first > 0);
  const count = whole.seen.length - first + 1;
  for (let last = first; last < first + count; last += 1) {
    const { seen, faults } = await disturbed(last);
    const what = fails === undefined ? 'cut before' : `${fails(last)} at`;
    const where = `${what} effect ${last}, ${seen[last - 1]}`;
    if (faults.length > 0) t.fail(`${where}: ${faults.join('; ')}`);
  }
  t.comment(`${count} effects disturbed, from the ${first}.`);
  return { seen: whole.seen, gaps };
}

/** The errors of a disk, one for each effect. */
function someError(effect: number): string {
  return ['EIO', 'ENOSPC', 'EACCES'][seeded(effect).below(3)] ?? 'EIO';
}

t.test('the first install, over a file, a link and a folder', async (t) => {
  const { dir, forge, host } = world(t);
  publish(forge, '1.0.0', 1);
  const scenario: Scenario = {
    prepare: (at) => {
      host(at);
      bake(at);
    },
    before: BAKED,
    between: { 2: [''] },
    version: '1.0.0',
  };
  const { gaps } = await disturbEverywhere(t, dir, scenario);
  t.same(
    gaps,
    ['files.rename quantix-host-ui'],
    'only the link is missing, and only once',
  );
  const failing = path.join(dir, 'failing');
  fs.mkdirSync(failing);
  await disturbEverywhere(t, failing, scenario, { fails: someError });
});

t.test(
  'the first install, on an overlay whose lower layer brings them',
  needsMounts(),
  async (t) => {
    const { dir, forge, host } = world(t);
    publish(forge, '1.0.0', 1);
    const scenario: Scenario = {
      prepare: (at) => {
        host(at);
        bake(at);
      },
      before: BAKED,
      // A folder of the lower layer cannot be moved aside; it is removed where it is.
      between: { 2: ['', 'mixed'] },
      version: '1.0.0',
    };
    const { seen, gaps } = await disturbEverywhere(t, dir, scenario, {
      lay: mountOverlay,
    });
    t.ok(seen.some((effect) => effect.includes('quantix-leaving')));
    t.same(gaps, REMOVAL, 'for as long as the folder is removed, file by file');
  },
);

t.test('the first install, where nothing stands', async (t) => {
  const { dir, forge, host } = world(t);
  publish(forge, '1.0.0', 1);
  await disturbEverywhere(t, dir, {
    prepare: (at) => void host(at),
    before: ['', '', ''],
    from: /quantix-new/,
    version: '1.0.0',
  });
});

t.test('a later update', async (t) => {
  const { dir, forge, host } = world(t);
  publish(forge, '1.0.0', 1);
  const { gaps } = await disturbEverywhere(t, dir, {
    prepare: async (at) => {
      host(at);
      const first = await again(at);
      t.equal(first.status, 0, first.said);
      publish(forge, '2.0.0', 2);
    },
    before: ['1.0.0', '1.0.0', '1.0.0'],
    version: '2.0.0',
  });
  t.same(gaps, []);
});
