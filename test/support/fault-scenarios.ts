import fs from 'node:fs';
import path from 'node:path';
import type { Test } from 'tap';
import { type CutRun, cutOff } from './cut-off.ts';
import type { Scenario } from './kill-table.ts';
import { publishRoots } from './roots.ts';
import { client, publish, world } from './three-components.ts';

/** Commands on a host that runs 1.0.0, for disturb.ts; `apply` with services and roll-back are in service-table.ts. */

interface World {
  dir: string;
  scenario: Scenario;
}

type Make = (t: Test) => World;

const OLD = ['1.0.0', '1.0.0', '1.0.0'];

/** 2.0.0 waits, and roots up to `root`; `command` is disturbed, and `apply` follows. */
function waiting(t: Test, command: string[], root = 1): World {
  const { dir, forge, host } = world(t);
  publish(forge, '1.0.0', 1);
  const prepare = async (at: string): Promise<void> => {
    host(at);
    await must(at, 'apply');
    publish(forge, '2.0.0', 2);
    publishRoots(forge, root);
  };
  const after = (at: string): string[] => {
    const trust = path.join(at, 'data/updates/trust/example');
    const roots = fs.existsSync(trust) ? fs.readdirSync(trust).length : 0;
    return roots === root - 1 ? [] : [`${roots} roots were walked`];
  };
  return { dir, scenario: { prepare, before: OLD, version: '2.0.0', command, after } };
}

/** Killed right after the switch to 2.0.0: it goes back to 1.0.0, and then 2.0.0 comes again. */
function interrupted(t: Test): World {
  const { dir, scenario } = waiting(t, ['recover']);
  const prepare = async (at: string): Promise<void> => {
    await scenario.prepare(at);
    const { seen } = await dryRun(at);
    const switched = seen.findIndex((effect) => effect === 'files.rename current') + 1;
    await client(at, ['apply'], cutOff(switched + 1));
  };
  const before = ['2.0.0', '2.0.0', '2.0.0'];
  const between = { 0: ['1.0.0'], 1: ['1.0.0'], 2: ['1.0.0'] };
  return { dir, scenario: { ...scenario, prepare, before, between, back: OLD } };
}

/** `apply` on a copy. */
async function dryRun(dir: string): Promise<CutRun> {
  const copy = `${dir}-copy`;
  fs.cpSync(dir, copy, { recursive: true, verbatimSymlinks: true });
  const run = cutOff(Infinity);
  await client(copy, ['apply'], run);
  fs.rmSync(copy, { recursive: true });
  return run;
}

/** Five releases are kept, of which three may go. */
function crowded(t: Test): World {
  const { dir, forge, host } = world(t);
  const prepare = async (at: string): Promise<void> => {
    const made = host(at);
    made.configure({ keep: 9 });
    for (const [index, version] of [
      '1.0.0',
      '1.1.0',
      '1.2.0',
      '1.3.0',
      '2.0.0',
    ].entries()) {
      publish(forge, version, index + 1, {}, Number(version[0]));
      await must(at, 'apply');
    }
    made.configure({ keep: 1 });
  };
  const after = (at: string): string[] => {
    const count = (folder: string): number =>
      fs.readdirSync(path.join(at, 'data/components', folder)).length;
    const [generations, contents] = [count('generations'), count('store')];
    return generations === 2 && contents === 6
      ? []
      : [`${generations} generations and ${contents} contents are kept`];
  };
  const before = ['2.0.0', '2.0.0', '2.0.0'];
  const back = ['1.3.0', '1.3.0', '1.3.0'];
  const [command, version] = [['gc'], '2.0.0'];
  return {
    dir,
    scenario: { prepare, before, version, command, next: [['gc']], back, after },
  };
}

async function must(dir: string, ...words: string[]): Promise<void> {
  const { status, said } = await client(dir, words, cutOff(Infinity));
  if (status !== 0) throw new Error(said);
}

export const FAULT_SCENARIOS: Record<string, Make> = {
  check: (t) => waiting(t, ['check']),
  'a walk from root 1 to root 4': (t) => waiting(t, ['check'], 4),
  download: (t) => waiting(t, ['download']),
  'an apply of three components': (t) => waiting(t, ['apply']),
  'the recovery of an apply that was killed': interrupted,
  gc: crowded,
};
