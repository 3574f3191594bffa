import { createHash } from 'node:crypto';
import { type Code, QxError } from '../format/error.ts';
import type { Attempt } from './retry.ts';
import type { Fetched, Source } from './source.ts';

/** A place of the tree that is listened to; `hear` takes note of what it said before. */
export interface Heard extends Source {
  hear(path: string, fetched: Fetched): void;
}

/** What a reply that was cut, changed or mixed up on the way can be taken for. */
const REFUSALS: readonly Code[] = [
  'too-new',
  'signature',
  'rollback',
  'digest',
  'malformed',
  'network',
];

/**
 * What `read` gives. Where it refuses what came, everything is asked for again, past the caches, until it is accepted or
 * comes as it came before: then that is this place's word, and the refusal is thrown. `least` is by how many further
 * tries at the least, whatever the configuration says.
 */
export async function untilItsWord<T>(
  source: Source,
  signal: AbortSignal | undefined,
  read: (heard: Heard) => Promise<T>,
  least?: number,
): Promise<T> {
  let fresh: true | undefined;
  const attempt = async () => {
    const { heard, word } = listen(source, fresh);
    fresh = true;
    try {
      return { done: await read(heard) };
    } catch (error) {
      const said = word();
      if (!(error instanceof QxError)) throw error;
      if (said === null || !REFUSALS.includes(error.code)) return enough(error);
      return { failed: error, word: said };
    }
  };
  return source.retry(signal, attempt, least);
}

/**
 * What `look` gives. Where it finds the place late, it looks once more: the next root that was not there, or the pointer
 * of yesterday, may have been the answer to something else.
 */
export function unlessLateTwice<T>(
  source: Source,
  signal: AbortSignal,
  look: () => Promise<T>,
): Promise<T> {
  return source.retry(signal, async () => {
    try {
      return { done: await look() };
    } catch (error) {
      if (!(error instanceof QxError)) throw error;
      if (error.code !== 'stale') return enough(error);
      return { failed: error, word: `${error.message} ${error.found ?? ''}` };
    }
  });
}

/** Each request was tried as often as the settings say: tried again as a whole, a dead host would hold a run for minutes. */
function enough(failed: QxError): Attempt<never> {
  return { failed, passing: false };
}

/** `source`, with a digest of all that it said; null when it did not answer, for then it was tried enough. */
function listen(
  source: Source,
  fresh: true | undefined,
): { heard: Heard; word: () => string | null } {
  const hash = createHash('sha256');
  let silent = false;
  const hear: Heard['hear'] = (path, fetched) => {
    hash.update(`${path} ${fetched.status} `);
    if (fetched.status === 'found')
      hash.update(`${fetched.bytes.length} `).update(fetched.bytes);
  };
  const get: Source['get'] = async (path, options) => {
    try {
      const fetched = await source.get(path, { ...options, ...(fresh && { fresh }) });
      hear(path, fetched);
      return fetched;
    } catch (error) {
      silent = error instanceof QxError && error.code === 'network';
      hash.update(`${path} ${String(error)} `);
      throw error;
    }
  };
  return {
    heard: { ...source, get, hear },
    word: () => (silent ? null : hash.copy().digest('hex')),
  };
}
