import fs from 'node:fs';
import path from 'node:path';
import type { Files } from '../../client/effects/effects.ts';
import { parseClientState } from '../../client/format/client-state.ts';
import { cutOff } from './cut-off.ts';
import { snapshot } from './snapshot.ts';
import {
  client,
  type Ended,
  fileContent,
  NAMES,
  readIfThere,
  standing,
  versionAt,
} from './three-components.ts';

/** One update of three components, and what must hold when it was cut off or went wrong at one of its effects. */
export interface Scenario {
  /** Makes what the host is before the update. */
  prepare: (dir: string) => void | Promise<void>;
  /** Versions of the old set at the three places; "" is nothing. */
  before: string[];
  /** What an install path may show for a moment instead, by its place: "" for nothing. */
  between?: Record<number, string[]>;
  version: string;
  /** What is disturbed, and what fresh clients do then: `apply` when they are not given. */
  command?: string[];
  next?: string[][];
  /** Versions to which the way back leads in the end; `before` when it is not given. */
  back?: string[];
  /** What else is wrong then. */
  after?: (dir: string) => string[] | Promise<string[]>;
  /** The first effect to disturb, where those before it are disturbed in another scenario already. */
  from?: RegExp;
  change?: (files: Files) => Files;
}

/** What stands right after a run that was cut off: one whole set, or a fault. */
export function faultsInBetween(dir: string, scenario: Scenario): string[] {
  const { before, between = {}, version } = scenario;
  const found = standing(dir);
  const isNew = found.every((each) => each === version);
  const isOld = found.every(
    (each, at) => each === before[at] || between[at]?.includes(each) === true,
  );
  return isNew || isOld ? [] : [`there stands ${found.join(', ')}`];
}

/** Whether something that stood before is missing or in pieces at an install path. */
export function hasGap(dir: string, { before, version }: Scenario): boolean {
  return standing(dir).some((each, at) => each !== before[at] && each !== version);
}

/** What the next run must have brought, whatever happened before it. */
export async function faultsAfter(
  dir: string,
  { version, before, back = before, after }: Scenario,
  again: (dir: string) => Promise<Ended>,
): Promise<string[]> {
  const { status, said } = await again(dir);
  const faults: string[] = [];
  const check = (fine: boolean, what: string): void => {
    if (!fine) faults.push(what);
  };
  check(status === 0, `the next run ends with ${status}: ${said}`);
  check(
    standing(dir).every((found) => found === version),
    `then there stands ${standing(dir).join(', ')}`,
  );
  const names = Object.keys(snapshot(path.join(dir, 'data')));
  const left = names.filter((name) => /\.quantix-|\.new$|staging|journal/.test(name));
  check(left.length === 0, `left behind: ${left.join(', ')}`);
  check(floorOf(dir) === Number(version[0]), `the floor is ${floorOf(dir)}`);
  const history = readIfThere(path.join(dir, 'data/updates/history.ndjson'));
  const told = history
    .split('\n')
    .filter((line) => line.includes('"installed"') && line.includes(`"${version}"`));
  check(told.length === 1, `${told.length} lines of history`);
  check(wayBack(dir).join() === back.join(), `the way back is ${wayBack(dir).join()}`);
  faults.push(...(await deepFaults(dir)), ...((await after?.(dir)) ?? []));
  return faults;
}

/** What `verify --deep` of a client in this process finds on a host that nothing should be left over on. */
export async function deepFaults(dir: string): Promise<string[]> {
  const words = ['verify', '--deep', '--json'];
  const { status, said } = await client(dir, words, cutOff(Infinity));
  if (status !== 0) return [`verify --deep: ${said}`];
  const { leftovers } = JSON.parse(said) as { leftovers: string[] };
  return leftovers.map((name) => `left over: ${name}`);
}

/** What the generation before the current one holds for each install path. */
function wayBack(dir: string): string[] {
  const components = path.join(dir, 'data/components');
  const record = readIfThere(path.join(components, 'current/.release.json'));
  if (record === '') return ['no record'];
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

/** As an image brings them: a file, a link to a file elsewhere, and a folder. */
export function bake(dir: string): void {
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

export const BAKED = ['baked', 'baked', 'baked'];

/** Release 1.0.0 over what an image brought; for the time of one rename the folder is not there. */
export function firstInstall(host: (dir: string) => unknown): Scenario {
  return {
    prepare: (at) => {
      host(at);
      bake(at);
    },
    before: BAKED,
    between: { 2: [''] },
    version: '1.0.0',
  };
}
