import type { Clock } from '../effects/effects.ts';
import { cached } from './cached.ts';
import type { RanError, Self } from './self.ts';

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
 * anybody hears of it: what was read before is old.
 */
export function openCheck(
  self: Self,
  clock: Clock,
  looked: () => void,
): () => Promise<Checked> {
  return cached(clock, SHARED_MS, async () => {
    const { status, value, error } = await self.run(['check']);
    looked();
    if (status === 0) return { what: 'found', offer: value as { version: string } };
    const told = error ?? { code: 'network', message: 'the check took too long' };
    if (status === 32) return { what: 'busy' };
    return { what: status === 75 ? 'deferred' : 'failed', error: told };
  });
}
