import { QxError } from '../format/error.ts';
import type { Descriptor } from '../format/shapes.ts';
import { objectPath } from '../format/tree.ts';
import type { Attempt } from '../reader/retry.ts';
import { shownAt, type Source } from '../reader/source.ts';
import type { Session } from '../session.ts';

/** Where the bytes of an object go, in order. */
export interface Landing {
  /** Bytes of the object that are here already, hashed anew. */
  begin(): Promise<number>;
  /** What follows them. Ends with `body`, and keeps what came when that breaks off. */
  take(body: AsyncIterable<Uint8Array>): Promise<void>;
  /** All has come. QxError `digest` when it is not what it should be. */
  finish(): Promise<void>;
  /** What is here is not to be used. */
  drop(): Promise<void>;
}

/**
 * Step 11: one object, counted while it streams.
 *
 * What arrived is never asked for again, whatever ended the run; the next one hashes it and asks for the rest.
 * Each place is tried in turn. What it gave is thrown away where its bytes are wrong; a place that gives the same wrong
 * ones twice is left.
 */
export async function fetchInto(
  session: Session,
  places: Source[],
  object: Descriptor,
  landing: Landing,
  onBytes: (count: number) => Promise<void>,
): Promise<void> {
  let last: unknown;
  for (const place of places) {
    try {
      await fetchFrom(session, place, object, landing, onBytes);
      return;
    } catch (error) {
      const another =
        error instanceof QxError && ['network', 'digest'].includes(error.code);
      if (!another) throw error;
      session.mirrors.refuse(place, error);
      // What one place got wrong is worth more to know than that the next one lacks the file.
      last = last instanceof QxError && last.code === 'digest' ? last : error;
    }
  }
  throw last;
}

async function fetchFrom(
  session: Session,
  place: Source,
  object: Descriptor,
  landing: Landing,
  onBytes: (count: number) => Promise<void>,
): Promise<void> {
  const reply: { etag?: string | undefined } = {};
  const attempt = async (): Promise<Attempt<undefined>> => {
    const before = await landing.begin();
    let arrived = 0;
    let complete = before === object.size;
    const count = async (bytes: number): Promise<void> => {
      arrived += bytes;
      await onBytes(bytes);
    };
    try {
      if (!complete) {
        const from = { bytes: before, etag: reply.etag };
        const received = await receive(session, place, object, landing, from, count);
        if (received === null)
          return { failed: missingObject(place, object), word: 'missing' };
        reply.etag = received.etag;
      }
      complete = true;
      await landing.finish();
      return { done: undefined };
    } catch (error) {
      if (!(error instanceof QxError)) throw error;
      // A place that lies about the length before it sends anything spoils nothing.
      if (error.code === 'digest' && (complete || arrived > 0)) await landing.drop();
      // Bytes kept from an earlier run or another place may have been the wrong ones, or some were changed on the way.
      if (error.code === 'digest')
        return { failed: error, word: `${error.message} ${error.found ?? ''}` };
      if (error.code === 'network' && arrived > 0)
        return { failed: error, passing: true };
      throw error;
    }
  };
  await place.retry(session.signal, attempt);
}

/** Null where the place has no such object. */
async function receive(
  session: Session,
  place: Source,
  object: Descriptor,
  landing: Landing,
  from: { bytes: number; etag: string | undefined },
  onBytes: (count: number) => Promise<void>,
): Promise<{ etag: string | undefined } | null> {
  const path = objectPath(object.sha256);
  // A body that is not read to its end keeps its connection, and that the process: however this ends, it is cut.
  const ending = new AbortController();
  const signal = AbortSignal.any([session.signal, ending.signal]);
  try {
    const reply = await place.stream(path, {
      from: from.bytes,
      etag: from.etag,
      signal,
    });
    if (reply === null) return null;
    const { total, start, body, url } = reply;
    if (total !== undefined && total !== object.size)
      throw wrongLength(url, object, `${total} bytes`);
    if (start !== from.bytes) await landing.drop();
    await landing.take(counted(session, object, body, { start, url, onBytes }));
    return { etag: reply.etag };
  } finally {
    ending.abort();
  }
}

/** `body` with each piece announced once it was taken, and never a byte more than the object has. */
async function* counted(
  { signal }: Session,
  object: Descriptor,
  body: AsyncIterable<Uint8Array>,
  how: { start: number; url: string; onBytes: (count: number) => Promise<void> },
): AsyncGenerator<Uint8Array> {
  let size = how.start;
  for await (const piece of body) {
    signal.throwIfAborted();
    size += piece.length;
    if (size > object.size)
      throw wrongLength(how.url, object, `more than ${object.size} bytes`);
    yield piece;
    await how.onBytes(piece.length);
  }
}

function missingObject(place: Source, { sha256 }: Descriptor): QxError {
  return new QxError('network', 'an object that the manifest names is missing', {
    where: shownAt(place, objectPath(sha256)),
    hint: 'the tree was published in part; publish it again',
  });
}

function wrongLength(where: string, object: Descriptor, found: string): QxError {
  return new QxError('digest', 'an object has another length than the manifest says', {
    where,
    expected: `${object.size} bytes`,
    found,
    hint: 'the object on the server is damaged or was replaced; "qx-repo verify" on the tree names it',
  });
}
