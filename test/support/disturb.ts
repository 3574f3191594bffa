import fs from 'node:fs';
import path from 'node:path';
import type { Test } from 'tap';
import { type Circumstances, type CutRun, cutOff } from './cut-off.ts';
import { faultsAfter, faultsInBetween, hasGap, type Scenario } from './kill-table.ts';
import { seeded } from './seeded.ts';
import { client, type Ended, standing } from './three-components.ts';

const apply = (dir: string, run: CutRun): Promise<Ended> => client(dir, ['apply'], run);
export const again = (dir: string): Promise<Ended> => apply(dir, cutOff(Infinity));

/** A fresh copy of a prepared host, and how it goes away. */
type Lay = (prepared: string, at: string) => () => void;

const copied: Lay = (prepared, at) => {
  fs.cpSync(prepared, at, { recursive: true, verbatimSymlinks: true });
  return () => fs.rmSync(at, { recursive: true });
};

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

/**
 * A scenario with a disturbance before its first effect, before its second, and so on to the end; what must hold then
 * is in kill-table.ts.
 */
export async function disturbEverywhere(
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

export const DISK_ERRORS = ['EIO', 'ENOSPC', 'EACCES'];

/** One of them for each effect. */
export function someError(effect: number): string {
  return DISK_ERRORS[seeded(effect).below(DISK_ERRORS.length)] ?? 'EIO';
}
