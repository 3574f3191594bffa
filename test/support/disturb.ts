import fs from 'node:fs';
import path from 'node:path';
import type { Test } from 'tap';
import { type Call, type Circumstances, type CutRun, cutOff } from './cut-off.ts';
import { canBe, canFail } from './fault-kinds.ts';
import { faultsAfter, faultsInBetween, hasGap, type Scenario } from './kill-table.ts';
import { seeded } from './seeded.ts';
import { client, type Ended, standing } from './three-components.ts';

const APPLY = ['apply'];

export const again = (dir: string): Promise<Ended> => inTurn(dir, [APPLY]);

/** Commands of fresh clients, up to the first that does not end well. */
async function inTurn(dir: string, commands: string[][]): Promise<Ended> {
  let ended: Ended = { status: 0, said: '' };
  for (const words of commands) {
    ended = await client(dir, words, cutOff(Infinity));
    if (ended.status !== 0) break;
  }
  return ended;
}

/** What goes wrong at an effect: "cut" ends the run there, undefined is nothing. */
export type Fails = (effect: number, call: Call) => string | undefined;

/** The circumstances in which that happens; with `every`, whatever can fail is numbered. */
export function meeting(kind: string | undefined, every: boolean): Circumstances {
  return {
    ...(every ? { counts: canFail } : {}),
    ...(kind === undefined || kind === 'cut' ? {} : { fails: kind }),
    // The clock decides whether some effects come, so that a number may be another one this time.
    ...(kind !== undefined && every ? { suits: (call) => canBe(kind, call) } : {}),
  };
}

/** A fresh copy of a prepared host, and how it goes away. */
type Lay = (prepared: string, at: string) => () => void;

const copied: Lay = (prepared, at) => {
  fs.cpSync(prepared, at, { recursive: true, verbatimSymlinks: true });
  return () => fs.rmSync(at, { recursive: true });
};

interface How {
  lay?: Lay;
  /** Cut off before each, when it is not given. */
  fails?: Fails;
  /** Every effect that can fail, and not only those that leave a trace. */
  every?: boolean;
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
  { lay = copied, fails = () => 'cut', every = false }: How = {},
): Promise<Disturbed> {
  const prepared = path.join(dir, 'prepared');
  await scenario.prepare(prepared);
  t.same(standing(prepared), scenario.before);
  const gaps: string[] = [];
  const { command = APPLY, next = [APPLY] } = scenario;
  const disturbed = async (
    last: number,
    kind?: string,
  ): Promise<CutRun & { faults: string[] }> => {
    const host = path.join(dir, `host-${last}`);
    const remove = lay(prepared, host);
    const run = cutOff(last, scenario.change, meeting(kind, every));
    await client(host, command, run);
    if (hasGap(host, scenario)) gaps.push(run.seen[last - 1] ?? '');
    const faults = faultsInBetween(host, scenario);
    faults.push(...(await faultsAfter(host, scenario, (at) => inTurn(at, next))));
    remove();
    return { ...run, faults };
  };
  const whole = await disturbed(Infinity);
  t.same(whole.faults, [], 'undisturbed');
  const { from = /^/ } = scenario;
  const first = whole.seen.findIndex((effect) => from.test(effect)) + 1;
  t.ok(first > 0);
  const kinds: Record<string, number> = {};
  for (const [at, call] of whole.calls.entries()) {
    const last = at + 1;
    const kind = last < first ? undefined : fails(last, call);
    if (kind === undefined) continue;
    kinds[kind] = (kinds[kind] ?? 0) + 1;
    const { seen, faults } = await disturbed(last, kind);
    const what = kind === 'cut' ? 'cut before' : `${kind} at`;
    const where = `${what} effect ${last}, ${seen[last - 1]}`;
    if (faults.length > 0) t.fail(`${where}: ${faults.join('; ')}`);
  }
  t.comment(`${whole.seen.length} effects from the ${first}, ${JSON.stringify(kinds)}.`);
  return { seen: whole.seen, gaps };
}

export const DISK_ERRORS = ['EIO', 'ENOSPC', 'EACCES'];

/** One of them for each effect. */
export function someError(effect: number): string {
  return DISK_ERRORS[seeded(effect).below(DISK_ERRORS.length)] ?? 'EIO';
}
