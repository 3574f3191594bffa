import type { Clock } from '../effects/effects.ts';
import { pause } from '../effects/pause.ts';

/** Waits until so many bytes more may have come. One is shared by all that a run fetches at the same time. */
export type Pace = (bytes: number, signal: AbortSignal | undefined) => Promise<void>;

/** What was slower than allowed for a moment may be made up for, but no more than this. */
const CATCH_UP_MS = 100;

/**
 * A token bucket that is told as a time: each byte moves the moment at which the line is free again. What has come
 * is not read on before, so that the host's own sending is held back by TCP.
 */
export function paceOf(clock: Clock, bytesPerSecond: number): Pace {
  let freeMs = clock.now();
  return async (bytes, signal) => {
    const now = clock.now();
    const costMs = (bytes / bytesPerSecond) * 1000;
    freeMs = Math.max(freeMs, now - CATCH_UP_MS) + costMs;
    // Further ahead than all that can be under way: the clock was set back.
    if (freeMs - now > AHEAD_PIECES * costMs + CATCH_UP_MS) freeMs = now + costMs;
    if (freeMs > now) await pause(clock, freeMs - now, signal);
  };
}

/** Pieces that wait at the same time at the most, of whatever size. */
const AHEAD_PIECES = 64;

/** The same pieces, each handed on when the line is free again. */
export async function* paced(
  body: AsyncIterable<Uint8Array>,
  pace: Pace,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  for await (const piece of body) {
    await pace(piece.length, signal);
    yield piece;
  }
}
