import type { Effects } from '../effects/effects.ts';
import { readLastCheck } from '../state/last-check.ts';
import { type Cached, cached } from './cached.ts';
import type { Ran, RanError, Self } from './self.ts';

/** How a look at the channel ended. */
export type Checked =
  | { what: 'found'; offer: Record<string, unknown> & { version: string } }
  /** Not now: a rollout, a pause, a window, a hold. */
  | { what: 'deferred'; error: RanError }
  /** Another run is at work. */
  | { what: 'busy' }
  | { what: 'failed'; error: RanError };

/** Who asks within so long after another gets the same answer: a crowd asks the mirror once. */
const SHARED_MS = 1000;

/**
 * Looks at the channel by a run of this program, one at a time for however many who ask. `looked` is called before
 * anybody hears of it: what was read before is old. An answer is old as well once another run has left its own word.
 */
export function openCheck(
  fx: Effects,
  self: Self,
  stateDir: () => string,
  looked: () => void,
): Cached<Checked> {
  const lastWord = async (): Promise<string> =>
    JSON.stringify(await readLastCheck(fx, stateDir()));
  /** Null while a look is under way, which leaves a word of its own. */
  let heard: string | null = null;
  // One that was forgotten has the lock all the same until it ends.
  let running: Promise<unknown> = Promise.resolve();
  const look = cached(fx.clock, SHARED_MS, async () => {
    heard = null;
    const run = running.then(() => self.run(['check']));
    running = run.catch(() => undefined);
    const checked = asChecked(await run);
    looked();
    heard = await lastWord();
    return checked;
  });
  const check = async (): Promise<Checked> => {
    const now = await lastWord();
    if (heard !== null && heard !== now) look.forget();
    return look();
  };
  return Object.assign(check, { forget: () => look.forget() });
}

function asChecked({ status, value, error }: Ran): Checked {
  if (status === 0) return { what: 'found', offer: value as { version: string } };
  if (status === 32) return { what: 'busy' };
  const told = error ?? { code: 'network', message: 'the check took too long' };
  return { what: status === 75 ? 'deferred' : 'failed', error: told };
}
