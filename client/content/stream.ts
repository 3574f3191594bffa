import type { Files } from '../effects/effects.ts';

const PIECE_BYTES = 256 * 1024;

/** A file's bytes from `start`, in pieces of at most 256 KiB that the caller may keep. */
export async function* fileStream(
  files: Files,
  path: string,
  start = 0,
): AsyncGenerator<Uint8Array> {
  const file = await files.open(path, 'read');
  try {
    for (let position = start; ;) {
      const buffer = Buffer.allocUnsafe(PIECE_BYTES);
      const count = await file.read(buffer, position);
      if (count === 0) return;
      position += count;
      yield buffer.subarray(0, count);
    }
  } finally {
    await file.close();
  }
}

/** At most `bytes` from `position`; fewer where the file or device ends before. */
export async function readAt(
  files: Files,
  path: string,
  position: number,
  bytes: number,
): Promise<Buffer> {
  const file = await files.open(path, 'read');
  const buffer = Buffer.alloc(bytes);
  const count = await file.read(buffer, position).finally(() => file.close());
  return buffer.subarray(0, count);
}
