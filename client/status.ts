import type { Config } from './config/config.ts';
import type { Effects } from './effects/effects.ts';
import type { ClientState, Refusal } from './format/client-state.ts';
import { EXIT_CODES, type QxError } from './format/error.ts';
import { type Generation, readCurrent } from './install/generations.ts';
import { layoutOf } from './install/layout.ts';
import { describeSlots, type SlotsReport } from './slots/describe.ts';
import { type Activity, readActivity } from './state/activity.ts';
import { type LastCheck, readLastCheck } from './state/last-check.ts';
import { readState } from './state/state-store.ts';

/** What this host runs, does and remembers; no network is asked. */
export interface HostStatus {
  generation: Generation | null;
  state: ClientState;
  /** Of the run that is under way, if any. */
  activity: Activity | null;
  lastCheck: LastCheck | null;
  slots: SlotsReport | QxError | null;
  /** The next boot is another system's. */
  rebootPending: boolean;
}

/** `running` tells whether the record of a run is that of one which is still there. */
export async function readStatus(
  fx: Effects,
  config: Config,
  running = isRunning,
): Promise<HostStatus> {
  const { files } = fx;
  const { stateDir } = config;
  const generation = await readCurrent(files, layoutOf(config.componentsDir));
  const kept = await readState(files, stateDir);
  const activity = (await running(fx, stateDir))
    ? await readActivity(fx, stateDir)
    : null;
  const lastCheck = await readLastCheck(fx, stateDir);
  const unkept = lastCheck?.unkept;
  const state = unkept === undefined ? kept : { ...kept, last_refusal: unkept };
  const slots = await describeSlots(files, config, state);
  const rebootPending = slots !== null && 'rebootPending' in slots && slots.rebootPending;
  return { generation, state, activity, lastCheck, slots, rebootPending };
}

/** Without the right to try the lock, a record that is younger than this counts. */
const FRESH_MS = 10_000;

/** The lock tells, not the record: a run that was killed leaves a record and no lock. */
export async function isRunning(fx: Effects, stateDir: string): Promise<boolean> {
  try {
    if ((await fx.files.info(`${stateDir}/lock`)) === null) return false;
    const lock = await fx.files.lock(`${stateDir}/lock`);
    await lock?.release();
    return lock === null;
  } catch {
    const updated = Date.parse((await readActivity(fx, stateDir))?.updated ?? '');
    return fx.clock.now() - updated < FRESH_MS;
  }
}

/** The same by the number in the record, for who asks several times a second and may be wrong for a moment. */
export async function seemsRunning(fx: Effects, stateDir: string): Promise<boolean> {
  const { pid } = (await readActivity(fx, stateDir)) ?? {};
  return pid !== undefined && fx.processes.isAlive(pid);
}

/** "Not now" is none: the run that may go on does so by itself. */
export function isTrouble(refusal: Refusal | null): boolean {
  return refusal !== null && refusal.exitCode !== EXIT_CODES.deferred;
}
