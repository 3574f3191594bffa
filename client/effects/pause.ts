import type { Clock } from './effects.ts';

/** Waits; an aborted signal ends the wait and its reason is thrown, not that of the sleeping clock. */
export async function pause(
  clock: Clock,
  ms: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await clock.sleep(ms, signal);
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
