import type { Effects, ProcessResult } from '../../client/effects/effects.ts';
import { QxError } from '../../client/format/error.ts';
import { pause } from '../../client/effects/pause.ts';
import type { Generated } from '../release/generate.ts';
import { type Look, type Watched, look, sameMarks } from './look.ts';
import {
  type Patience,
  afterLook,
  newPatience,
  nextStep,
  pauseAfter,
} from './patience.ts';
import { ChangedMeanwhile } from './publish.ts';
import type { Tell } from './tell.ts';

export interface LoopWork {
  effects: Effects;
  watched: readonly Watched[];
  /** For so long nothing may move before it is published. */
  settleMs: number;
  /** Ends after the first publication; what is missing or refused is thrown. */
  once: boolean;
  signal: AbortSignal;
  tell: Tell;
  publish(isStill: () => Promise<boolean>): Promise<Generated>;
  /** Brings the host to what was published; null without --host. */
  apply: (() => Promise<ProcessResult>) | null;
}

export interface LoopEnd {
  publications: number;
  exitCode: number;
}

/** How one round ended: `again` leaves its changes to the next one. */
type Round = 'done' | 'again';

/** Look, wait until nothing moves, publish, apply; until the signal comes. What goes wrong is told. */
export async function runLoop(work: LoopWork): Promise<LoopEnd> {
  const { effects, signal, tell, settleMs, once } = work;
  const end: LoopEnd = { publications: 0, exitCode: 0 };
  let patience = newPatience(effects.clock.now());
  for (let pausedMs = 0; !signal.aborted;) {
    const started = effects.clock.now();
    const seen = await look(effects.files, work.watched);
    const nowMs = effects.clock.now();
    patience = afterLook(patience, seen, nowMs, pausedMs);
    const step = nextStep(patience, settleMs);
    if (step.what === 'publish' || (once && step.what === 'missing')) {
      if (patience.taken !== undefined) tell.changed(step.names);
      const round = await runRound(work, patience, seen, end);
      if (round === 'done') patience = { ...patience, taken: seen.marks };
      if (once && round === 'done') break;
    } else if (step.what === 'missing') {
      tell.missing(step.names);
      patience = { ...patience, told: true };
    }
    pausedMs = pauseAfter(nowMs - started);
    await pause(effects.clock, pausedMs, signal).catch(unlessAborted(signal));
  }
  return end;
}

async function runRound(
  work: LoopWork,
  { savedMs }: Patience,
  seen: Look,
  end: LoopEnd,
): Promise<Round> {
  const { effects, tell } = work;
  const isStill = async (): Promise<boolean> =>
    sameMarks((await look(effects.files, work.watched)).marks, seen.marks);
  try {
    const result = await work.publish(isStill);
    const { state, manifest } = result;
    if (state === 'published') end.publications += 1;
    tell.published(result, effects.clock.now() - savedMs);
    if (state !== 'pending') await applyRound(work, manifest.version, savedMs, end);
    return 'done';
  } catch (error) {
    return notPublished(work, error);
  }
}

function notPublished({ tell, once }: LoopWork, error: unknown): Round {
  if (error instanceof ChangedMeanwhile) {
    tell.unsteady();
    return 'again';
  }
  if (once) throw error;
  tell.failed(error, 'not published; the next save tries again');
  // Another run in the workspace ends some time; everything else waits for somebody who saves.
  return error instanceof QxError && error.code === 'locked' ? 'again' : 'done';
}

async function applyRound(
  work: LoopWork,
  version: string,
  savedMs: number,
  end: LoopEnd,
): Promise<void> {
  const { apply, effects, signal, tell } = work;
  if (apply === null || signal.aborted) return;
  try {
    const result = await apply();
    tell.applied(result, version, effects.clock.now() - savedMs);
    if (work.once) end.exitCode = result.status ?? 1;
  } catch (error) {
    if (work.once) throw error;
    if (!signal.aborted) tell.failed(error, 'not applied; the next save tries again');
  }
}

/** Ctrl-C ends a pause, and the loop looks at the signal itself. */
function unlessAborted(signal: AbortSignal) {
  return (error: unknown): void => {
    if (!signal.aborted) throw error;
  };
}
