import { createHash } from 'node:crypto';
import { QxError } from '../format/error.ts';
import type { Descriptor } from '../format/shapes.ts';
import { through } from './through.ts';

const OUTPUT_BYTES = 256 * 1024;

/**
 * The bytes of a content from the bytes of a source, as they come. What is given has been counted, so never
 * more than `content.size` bytes leave here; the digest is known only behind the last piece, so a caller
 * keeps what it got aside until the iteration has ended well.
 *
 * Throws QxError `digest` for too many bytes (at once), too few, another digest, or corrupt brotli.
 * Errors of `body` itself pass through as they are. Leaving the loop early ends `body` as well.
 */
export async function* decodeContent(
  body: AsyncIterable<Uint8Array>,
  encoding: 'identity' | 'br',
  content: Descriptor,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const piece of decoded(body, encoding)) {
    size += piece.length;
    if (size > content.size) refuseSize(content, `more than ${content.size} bytes`);
    hash.update(piece);
    yield piece;
  }
  if (size < content.size) refuseSize(content, `${size} bytes`);
  const found = hash.digest('hex');
  if (found === content.sha256) return;
  throw new QxError('digest', 'a content has another digest than the manifest says', {
    expected: content.sha256,
    found,
  });
}

/** The same without counting and hashing, for who does that himself. QxError `digest` for corrupt brotli. */
export function decoded(
  body: AsyncIterable<Uint8Array>,
  encoding: 'identity' | 'br',
): AsyncIterable<Uint8Array> {
  return encoding === 'br' ? brotliDecoded(body) : body;
}

function refuseSize(content: Descriptor, found: string): never {
  throw new QxError('digest', 'a content has another length than the manifest says', {
    where: content.sha256,
    expected: `${content.size} bytes`,
    found,
    hint: 'the object on the server is damaged or was replaced; publish it again',
  });
}

async function* brotliDecoded(
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const { createBrotliDecompress } = await import('node:zlib');
  // The window of RFC 7932, 16 MiB, is all the memory that a stream can ask for.
  const decoder = createBrotliDecompress({ chunkSize: OUTPUT_BYTES });
  yield* through(
    body,
    decoder,
    (cause) => new QxError('digest', 'a content that is not valid brotli', { cause }),
  );
}
