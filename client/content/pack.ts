import { join } from 'node:path';
import type { Files } from '../effects/effects.ts';
import { QxError, printable } from '../format/error.ts';
import type { Descriptor } from '../format/shapes.ts';
import { TAR_END, type TarEntry, encodeHeader, padding } from '../format/tar.ts';
import { listFolder } from './folder.ts';
import { hashPieces } from './hash.ts';
import { inPiecesOf } from './pieces.ts';

const PIECE_BYTES = 1024 * 1024;
const READ_BYTES = 256 * 1024;

/**
 * The canonical tar of `entries` (sorted, as listFolder gives them) in pieces of 1 MiB: a folder's content.
 * Two folders with the same names, bytes, execute bits and links give the same bytes.
 *
 * Throws QxError `disk` when a file is no longer as long as its entry says.
 */
export function packFolder(
  files: Files,
  root: string,
  entries: readonly TarEntry[],
): AsyncGenerator<Buffer, void, undefined> {
  return inPiecesOf(PIECE_BYTES, archive(files, root, entries));
}

/** Digest and size of a folder as content, computed from what lies on disk. */
export async function hashFolder(files: Files, root: string): Promise<Descriptor> {
  return hashPieces(archive(files, root, await listFolder(files, root)));
}

/** A piece is valid until the next one is asked for: files are read into one buffer. */
async function* archive(
  files: Files,
  root: string,
  entries: readonly TarEntry[],
): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  for (const entry of entries) {
    yield encodeHeader(entry);
    if (entry.type !== 'file') continue;
    yield* fileBytes(files, join(root, entry.path), entry, buffer);
    yield TAR_END.subarray(0, padding(entry.size));
  }
  yield TAR_END;
}

async function* fileBytes(
  files: Files,
  path: string,
  entry: TarEntry,
  buffer: Buffer,
): AsyncGenerator<Uint8Array> {
  const file = await files.open(path, 'read');
  let size = 0;
  try {
    for (;;) {
      const count = await file.read(buffer, size);
      if (count === 0) break;
      size += count;
      if (size > entry.size) break;
      yield buffer.subarray(0, count);
    }
  } finally {
    await file.close();
  }
  if (size === entry.size) return;
  throw new QxError('disk', 'a file changed while it was read', {
    where: printable(entry.path),
    expected: `${entry.size} bytes`,
    found: size > entry.size ? 'more' : `${size} bytes`,
  });
}
