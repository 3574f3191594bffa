import { createHash, type Hash } from 'node:crypto';
import { join } from 'node:path';
import { hashFile } from '../../client/content/hash.ts';
import type { Files } from '../../client/effects/effects.ts';
import { QxError } from '../../client/format/error.ts';
import type { Descriptor } from '../../client/format/shapes.ts';
import { objectPath } from '../../client/format/tree.ts';
import type { BodyReply, Source } from '../../client/reader/source.ts';
import type { Tree } from '../tree/tree.ts';

export interface ObjectFetch {
  files: Files;
  tree: Tree;
  staging: string;
  sources: readonly Source[];
  onBytes: (count: number) => void;
}

/** A connection that breaks off is taken up where it ended, so often. */
const CONNECTIONS_MAX = 5;

/** Brings one object into the tree unless it is there with the right digest. */
export async function fetchObject(
  fetch: ObjectFetch,
  descriptor: Descriptor,
): Promise<'fetched' | 'kept'> {
  const path = objectPath(descriptor.sha256);
  const there = await fetch.tree.info(path);
  if (there?.type === 'file' && there.size === descriptor.size) {
    const { sha256 } = await hashFile(fetch.files, join(fetch.tree.root, path));
    if (sha256 === descriptor.sha256) return 'kept';
  }
  const staged = join(fetch.staging, descriptor.sha256);
  await download(fetch, path, staged, descriptor);
  await fetch.tree.adopt(staged, path, descriptor);
  return 'fetched';
}

async function download(
  fetch: ObjectFetch,
  path: string,
  staged: string,
  descriptor: Descriptor,
): Promise<void> {
  const file = await fetch.files.open(staged, 'create');
  const state = { written: 0, hash: createHash('sha256') };
  try {
    for (let connection = 1; state.written < descriptor.size; connection += 1) {
      try {
        const reply = await openAt(fetch.sources, path, state.written);
        await take(reply, state, descriptor, path, async (piece) => {
          await file.write(piece);
          fetch.onBytes(piece.length);
        });
      } catch (error) {
        const again = error instanceof QxError && error.code === 'network';
        if (!again || connection === CONNECTIONS_MAX) throw error;
      }
    }
    await file.sync();
  } finally {
    await file.close();
  }
  const found = state.hash.digest('hex');
  if (found === descriptor.sha256) return;
  throw new QxError('digest', 'an object is not what its name says', {
    where: path,
    expected: descriptor.sha256,
    found,
  });
}

async function openAt(
  sources: readonly Source[],
  path: string,
  from: number,
): Promise<BodyReply> {
  for (const source of sources) {
    const reply = await source.stream(path, { from });
    if (reply !== null) return reply;
  }
  throw new QxError('digest', 'an object is missing', {
    where: path,
    expected: 'a file, as a signed manifest names it',
    found: 'nothing (404 or 403)',
  });
}

/** The pieces that are not here yet. A host that sends everything again is listened to from the right place. */
async function take(
  reply: BodyReply,
  state: { written: number; hash: Hash },
  { size }: Descriptor,
  where: string,
  write: (piece: Uint8Array) => Promise<void>,
): Promise<void> {
  let position = reply.start;
  for await (const piece of reply.body) {
    const fresh = piece.subarray(Math.max(0, state.written - position));
    position += piece.length;
    if (fresh.length === 0) continue;
    if (state.written + fresh.length > size) throw tooLong(where, size);
    await write(fresh);
    state.hash.update(fresh);
    state.written += fresh.length;
  }
  if (state.written >= size) return;
  throw new QxError('digest', 'an object of another length', {
    where,
    expected: `${size} bytes`,
    found: `${state.written} bytes`,
  });
}

function tooLong(where: string, size: number): QxError {
  return new QxError('digest', 'an object of another length', {
    where,
    expected: `${size} bytes`,
    found: 'more',
  });
}
