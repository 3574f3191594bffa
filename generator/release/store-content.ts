import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import type { Files } from '../../client/effects/effects.ts';
import type { Source } from '../../client/format/manifest.ts';
import type { Descriptor } from '../../client/format/shapes.ts';
import { objectPath } from '../../client/format/tree.ts';
import {
  chooseQuality,
  compress,
  sampleSaves,
  savesEnough,
} from '../contents/compress.ts';
import type { Tree } from '../tree/tree.ts';

/** A content as a release names it: what it is, and the ways to obtain it. */
export interface StoredContent {
  content: Descriptor;
  sources: Source[];
  /** Objects that wait in staging; none where an earlier release had the very same content. */
  staged: { path: string; descriptor: Descriptor }[];
}

export interface StoreOptions {
  files: Files;
  staging: string;
  /** Name of the half-written files in staging; one for each content of a run. */
  label: string;
  /** --fast */
  fast: boolean;
  /** Not compressed at all. */
  plain: boolean;
  /** Sources of a content that is in the tree already; null where it is new. */
  known: (content: Descriptor) => Promise<Source[] | null>;
  /** Bytes read since the last call, of twice the content's size in all. */
  onProgress: (bytes: number) => void;
}

const READ_BYTES = 1024 * 1024;

/**
 * Reads `body` once into staging, hashing it, and puts the brotli form beside it where that saves enough.
 * A content that is known costs the one reading and no more.
 */
export async function storeContent(
  body: AsyncIterable<Uint8Array>,
  options: StoreOptions,
): Promise<StoredContent> {
  const { files, staging, label } = options;
  const whole = join(staging, `${label}.full`);
  const content = await spool(files, body, whole, options.onProgress);
  const known = await options.known(content);
  if (known !== null) {
    await files.remove(whole);
    options.onProgress(content.size);
    return { content, sources: known, staged: [] };
  }
  const sources: Source[] = [{ type: 'full', encoding: 'identity', ...content }];
  const staged = [{ path: whole, descriptor: content }];
  const packed = await compressStaged(whole, content, options);
  if (packed !== null) {
    sources.unshift({ type: 'full', encoding: 'br', ...packed });
    staged.unshift({ path: join(staging, `${label}.br`), descriptor: packed });
  }
  return { content, sources, staged };
}

/** Moves into the tree what a manifest names, by digest; the rest of staging is dropped. */
export async function placeObjects(
  files: Files,
  tree: Tree,
  stored: readonly StoredContent[],
  named: ReadonlySet<string>,
): Promise<void> {
  for (const { path, descriptor } of stored.flatMap(({ staged }) => staged)) {
    if (named.has(descriptor.sha256))
      await tree.adopt(path, objectPath(descriptor.sha256), descriptor);
    else await files.remove(path);
  }
}

/** The pieces of a file, in one buffer: each is valid until the next one is asked for. */
export async function* fileBody(files: Files, path: string): AsyncGenerator<Uint8Array> {
  const file = await files.open(path, 'read');
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  let position = 0;
  try {
    for (;;) {
      const count = await file.read(buffer, position);
      if (count === 0) return;
      position += count;
      yield buffer.subarray(0, count);
    }
  } finally {
    await file.close();
  }
}

/** Null where the brotli form is not worth keeping. */
async function compressStaged(
  whole: string,
  content: Descriptor,
  options: StoreOptions,
): Promise<Descriptor | null> {
  const { files, staging, label, fast, onProgress } = options;
  const { size } = content;
  if (options.plain || size === 0 || !(await sampleSaves(files, whole, size))) {
    onProgress(size);
    return null;
  }
  const quality = chooseQuality(size, fast);
  const path = join(staging, `${label}.br`);
  const body = counted(fileBody(files, whole), onProgress);
  const packed = await spool(files, compress(body, { quality, size }), path);
  if (savesEnough(size, packed.size)) return packed;
  await files.remove(path);
  return null;
}

/** `body` as a file that survives a power cut, with its digest. */
export async function spool(
  files: Files,
  body: AsyncIterable<Uint8Array>,
  path: string,
  onProgress: (bytes: number) => void = () => undefined,
): Promise<Descriptor> {
  await files.makeDirectory(dirname(path), 0o700);
  const hash = createHash('sha256');
  const file = await files.open(path, 'create', 0o644);
  let size = 0;
  try {
    for await (const piece of body) {
      hash.update(piece);
      await file.write(piece);
      size += piece.length;
      onProgress(piece.length);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { sha256: hash.digest('hex'), size };
}

async function* counted(
  body: AsyncIterable<Uint8Array>,
  onProgress: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const piece of body) {
    onProgress(piece.length);
    yield piece;
  }
}
