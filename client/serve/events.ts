import type { Clock } from '../effects/effects.ts';

const LOOK_MS = 500;
/** A proxy ends what is silent for longer. */
const ALIVE_MS = 15_000;

/**
 * Server-sent events: the answer of `status` now and whenever it is another one, until `signal` ends it.
 * A reader that comes back needs no memory of ours: the first event says all.
 */
export async function* statusEvents(
  clock: Clock,
  signal: AbortSignal,
  status: () => Promise<string>,
): AsyncGenerator<string> {
  let last = '';
  let spoken = clock.now();
  while (!signal.aborted) {
    const now = await status();
    if (now !== last) {
      yield `event: status\ndata: ${now}\n\n`;
      spoken = clock.now();
    } else if (clock.now() - spoken >= ALIVE_MS) {
      yield ': still here\n\n';
      spoken = clock.now();
    }
    last = now;
    await clock.sleep(LOOK_MS, signal).catch(() => undefined);
  }
}
