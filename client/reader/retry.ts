import type { Effects } from '../effects/effects.ts';
import { pause } from '../effects/pause.ts';
import { QxError } from '../format/error.ts';

const FIRST_WAIT_MS = 1_000;
/** Who answered is not down: only what came was not right. */
const FIRST_WAIT_FOR_WORD_MS = 200;
const LONGEST_WAIT_MS = 30_000;
/** A host that asks for a longer pause is left alone until the next run. */
export const RETRY_AFTER_MAX_MS = 60_000;

/**
 * What one try came to. Errors thrown by a try count as `failed`, passing or not by `isPassing`.
 * `word` stands for an answer that is refused. A reply that was cut, changed or mixed up on the way looks like one; but
 * chance does not strike twice in the same way, so who says the same again means it.
 */
export type Attempt<T> =
  | { done: T }
  | { failed: QxError; passing: boolean; afterMs?: number | undefined }
  | { failed: QxError; word: string };

/**
 * Runs `attempt` until it is done, at most `retries` times more, and not again after the same word twice in a row.
 * The last error is thrown. An aborted signal ends the pause in between and throws its reason.
 */
export async function withRetries<T>(
  effects: Pick<Effects, 'clock' | 'random'>,
  retries: number,
  signal: AbortSignal | undefined,
  attempt: () => Promise<Attempt<T>>,
): Promise<T> {
  let said: string | undefined;
  for (let tried = 0; ; tried += 1) {
    const result = await caught(attempt);
    if ('done' in result) return result.done;
    signal?.throwIfAborted();
    const wait = waitAfter(result, said, tried, randomFraction(effects.random));
    if (tried >= retries || wait === undefined) throw result.failed;
    said = 'word' in result ? result.word : undefined;
    await pause(effects.clock, wait, signal);
  }
}

/** Milliseconds until the next try; undefined where there is none. */
function waitAfter(
  result: Exclude<Attempt<never>, { done: never }>,
  said: string | undefined,
  tried: number,
  random: number,
): number | undefined {
  if (!('word' in result))
    return result.passing ? pauseMs(result.afterMs, tried, random) : undefined;
  if (result.word === said) return undefined;
  return pauseMs(undefined, tried, random, FIRST_WAIT_FOR_WORD_MS);
}

async function caught<T>(attempt: () => Promise<Attempt<T>>): Promise<Attempt<T>> {
  try {
    return await attempt();
  } catch (error) {
    if (!(error instanceof QxError)) throw error;
    return { failed: error, passing: isPassing(error) };
  }
}

/**
 * Milliseconds until the next try, or undefined when the host asks for a longer pause than a run waits.
 * Doubles from `firstMs` to 30 seconds, of which the upper half is random, so that a fleet does not come back at once.
 */
export function pauseMs(
  afterMs: number | undefined,
  tried: number,
  random: number,
  firstMs = FIRST_WAIT_MS,
): number | undefined {
  const full = Math.min(firstMs * 2 ** tried, LONGEST_WAIT_MS);
  const jittered = Math.round(full / 2 + (full / 2) * random);
  if (afterMs === undefined) return jittered;
  return afterMs > RETRY_AFTER_MAX_MS ? undefined : Math.max(afterMs, jittered);
}

/** Retry-After in milliseconds from `now`: seconds or an HTTP date; undefined when it is neither. */
export function retryAfterMs(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value) * 1_000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

const TRUST_TROUBLE = /CERT|ISSUER|SIGNATURE|^ERR_SSL|^ERR_TLS/;

/**
 * May the same request work a moment later? Yes for what broke below HTTP (its cause has a code), except for
 * certificates, which do not mend themselves.
 */
export function isPassing(error: QxError): boolean {
  if (error.code !== 'network' || !(error.cause instanceof Error)) return false;
  const code: unknown = Reflect.get(error.cause, 'code');
  return typeof code === 'string' && !TRUST_TROUBLE.test(code);
}

function randomFraction(random: Effects['random']): number {
  return random.bytes(4).readUInt32BE() / 2 ** 32;
}
