import { createHash, type Hash } from 'node:crypto';
import { fileStream } from '../content/stream.ts';
import type { Files } from '../effects/effects.ts';
import { QxError } from '../format/error.ts';
import type { Descriptor } from '../format/shapes.ts';
import { objectPath } from '../format/tree.ts';
import { withRetries } from '../reader/retry.ts';
import { shownAt, type BodyReply, type Source } from '../reader/source.ts';
import type { Session } from '../session.ts';
import { objectFile, partFile } from './layout.ts';

/**
 * Step 11: one object into staging, counted and hashed while it streams.
 *
 * What arrived stays in `<sha256>.part` and is never asked for again, whatever ended the run; the next one
 * hashes it and asks for the rest. Only a whole object with the right digest gets its name. Each place is
 * tried in turn; a place whose bytes are wrong is left, and what it gave is thrown away.
 */
export async function fetchObject(
  session: Session,
  places: Source[],
  object: Descriptor,
  onBytes: (count: number) => Promise<void>,
): Promise<void> {
  let last: unknown;
  for (const place of places) {
    try {
      await fetchFrom(session, place, object, onBytes);
      return;
    } catch (error) {
      const another =
        error instanceof QxError && ['network', 'digest'].includes(error.code);
      if (!another) throw error;
      if (places.length > 1) {
        session.out.warn(`${place.base}: ${error.message}`);
        await session.log(`object ${object.sha256} from ${place.base}: ${error.message}`);
      }
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
  onBytes: (count: number) => Promise<void>,
): Promise<void> {
  const { fx, config, signal } = session;
  let etag: string | undefined;
  let resumed = false;
  await withRetries(fx, config.retries, signal, async () => {
    const part = await openPart(session, object);
    resumed ||= part.size > 0;
    const before = part.size;
    try {
      etag = await receive(session, place, object, part, etag, onBytes);
      await finish(session, object, part);
      return { done: undefined };
    } catch (error) {
      if (!(error instanceof QxError)) throw error;
      // Bytes kept from an earlier run or another place may be the wrong ones: once more from the start.
      if (error.code === 'digest' && resumed) {
        resumed = false;
        return { failed: error, passing: true, afterMs: 0 };
      }
      if (error.code === 'network' && part.size > before)
        return { failed: error, passing: true };
      throw error;
    }
  });
}

interface Part {
  path: string;
  size: number;
  hash: Hash;
}

/** What is here of the object, hashed anew; a part that is too long is dropped. */
async function openPart({ fx, layout }: Session, object: Descriptor): Promise<Part> {
  const path = partFile(layout, object.sha256);
  const part: Part = { path, size: 0, hash: createHash('sha256') };
  const info = await fx.files.info(path);
  if (info === null) return part;
  if (info.type !== 'file' || info.size > object.size) {
    await fx.files.remove(path);
    return part;
  }
  for await (const piece of fileStream(fx.files, path)) {
    part.hash.update(piece);
    part.size += piece.length;
  }
  return part;
}

async function receive(
  session: Session,
  place: Source,
  object: Descriptor,
  part: Part,
  etag: string | undefined,
  onBytes: (count: number) => Promise<void>,
): Promise<string | undefined> {
  if (part.size === object.size) return etag;
  const path = objectPath(object.sha256);
  // A body that is not read to its end keeps its connection, and that the process: however this ends, it is cut.
  const ending = new AbortController();
  const signal = AbortSignal.any([session.signal, ending.signal]);
  try {
    const reply = await place.stream(path, { from: part.size, etag, signal });
    if (reply === null) throw missingObject(shownAt(place, path));
    if (reply.total !== undefined && reply.total !== object.size) {
      throw wrongLength(reply.url, object, `${reply.total} bytes`);
    }
    if (reply.start !== part.size) await restart(session.fx.files, part);
    await append(session, object, part, reply, onBytes);
    return reply.etag;
  } finally {
    ending.abort();
  }
}

async function append(
  { fx, signal }: Session,
  object: Descriptor,
  part: Part,
  { body, url }: BodyReply,
  onBytes: (count: number) => Promise<void>,
): Promise<void> {
  const file = await fx.files.open(part.path, 'append', 0o600);
  try {
    for await (const piece of body) {
      signal.throwIfAborted();
      if (part.size + piece.length > object.size) {
        throw wrongLength(url, object, `more than ${object.size} bytes`);
      }
      await file.write(piece);
      part.hash.update(piece);
      part.size += piece.length;
      await onBytes(piece.length);
    }
    await file.sync();
  } catch (error) {
    if (error instanceof QxError && error.code === 'digest')
      await fx.files.remove(part.path);
    throw error;
  } finally {
    await file.close();
  }
}

async function restart(files: Files, part: Part): Promise<void> {
  await files.remove(part.path);
  part.size = 0;
  part.hash = createHash('sha256');
}

async function finish(
  { fx, layout }: Session,
  object: Descriptor,
  part: Part,
): Promise<void> {
  const found = part.hash.digest('hex');
  if (part.size === object.size && found === object.sha256) {
    await fx.files.rename(part.path, objectFile(layout, object.sha256));
    await fx.files.syncDirectory(layout.staging);
    return;
  }
  await fx.files.remove(part.path);
  throw new QxError('digest', 'an object is not what the manifest says', {
    where: objectPath(object.sha256),
    expected: `${object.sha256} (${object.size} bytes)`,
    found: `${found} (${part.size} bytes)`,
    hint: 'the object on the server is damaged or was replaced; "qx-repo verify" on the tree names it',
  });
}

function missingObject(where: string): QxError {
  return new QxError('network', 'an object that the manifest names is missing', {
    where,
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
