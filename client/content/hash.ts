import { createHash, type Hash } from 'node:crypto';
import type { Files } from '../effects/effects.ts';
import type { Descriptor } from '../format/shapes.ts';

/** One buffer of this size for a whole file: small reads cost a third of the speed. */
const READ_BYTES = 1024 * 1024;

/**
 * SHA-256 and size in bytes of a file as it is read, which need not be the size that it had before; of its first
 * `bytes` when they are given.
 */
export async function hashFile(
  files: Files,
  path: string,
  bytes = Infinity,
): Promise<Descriptor> {
  const { hash, size } = await hashStart(files, path, bytes);
  return { sha256: hash.digest('hex'), size };
}

/** The first `bytes` of a file or device, and how many there were; the hash may be gone on with. */
export async function hashStart(
  files: Files,
  path: string,
  bytes: number,
): Promise<{ hash: Hash; size: number }> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  const file = await files.open(path, 'read');
  let size = 0;
  try {
    while (size < bytes) {
      const count = await file.read(buffer.subarray(0, bytes - size), size);
      if (count === 0) break;
      hash.update(buffer.subarray(0, count));
      size += count;
    }
  } finally {
    await file.close();
  }
  return { hash, size };
}

/** SHA-256 and size in bytes of everything that `body` gives. */
export async function hashPieces(body: AsyncIterable<Uint8Array>): Promise<Descriptor> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const piece of body) {
    hash.update(piece);
    size += piece.length;
  }
  return { sha256: hash.digest('hex'), size };
}
