import { QxError } from '../format/error.ts';
import type { Clock } from '../effects/effects.ts';
import { SAMPLE_BYTES, looksLikeWebPage, webPageError } from './web-page.ts';

/**
 * What must come in each second of waiting, taken over a stall time-out: a host that drips is as good as a dead one,
 * and one that trickles for ever must not keep a run. So a pointer takes 32 seconds and a time-out at the most.
 */
const LEAST_BYTES_PER_SECOND = 1024;

type Body = AsyncIterable<Uint8Array>;

/** The whole of a small body. QxError `malformed` when it is longer than `maxBytes`, which are never exceeded in memory. */
export async function readAll(
  body: Body,
  maxBytes: number,
  where: string,
  checkStart: (bytes: Uint8Array) => void,
): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of body) {
    pieces.push(piece);
    size += piece.length;
    if (size > maxBytes) break;
  }
  const bytes = Buffer.concat(pieces);
  // A page explains more than its length does.
  checkStart(bytes);
  if (size <= maxBytes) return bytes;
  throw new QxError('malformed', 'the file is longer than it may be', {
    where,
    expected: `${maxBytes} bytes at the most`,
    found: 'more',
  });
}

/** The same pieces; QxError `network` unless `length` bytes come (any number where it is undefined). */
export async function* exactly(
  body: Body,
  length: number | undefined,
  where: string,
): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const piece of body) {
    size += piece.length;
    if (length !== undefined && size > length) break;
    yield piece;
  }
  if (length === undefined || size === length) return;
  throw new QxError('network', 'the body has another length than announced', {
    where,
    expected: `${length} bytes`,
    found: size < length ? `${size} bytes` : 'more',
    cause: Object.assign(new Error('wrong length'), { code: 'ERR_BODY_LENGTH' }),
  });
}

/** The same pieces; QxError `network` when too few bytes come in `windowMs` of waiting. */
export async function* atLeastPace(
  body: Body,
  clock: Clock,
  windowMs: number,
  where: string,
): AsyncGenerator<Uint8Array> {
  let waited = 0;
  let came = 0;
  let asked = clock.now();
  for await (const piece of body) {
    // A clock that is set meanwhile says nothing: no single wait is longer than the stall time-out, or shorter than none.
    waited += Math.min(Math.max(0, clock.now() - asked), windowMs);
    came += piece.length;
    if (waited > windowMs) {
      if (came < leastBytes(waited)) throw tooSlow(where, came, waited);
      waited = 0;
      came = 0;
    }
    yield piece;
    // The time that the reader takes for a piece is not the host's.
    asked = clock.now();
  }
}

function leastBytes(ms: number): number {
  return Math.round((LEAST_BYTES_PER_SECOND * ms) / 1000);
}

function tooSlow(where: string, bytes: number, ms: number): QxError {
  return new QxError('network', 'the body comes too slowly', {
    where,
    expected: `${leastBytes(ms)} bytes at the least`,
    found: `${bytes} bytes in ${Math.round(ms / 1000)} s`,
    cause: Object.assign(new Error('too slow'), { code: 'ERR_BODY_PACE' }),
  });
}

/** The same pieces; QxError `network` when the body begins like a page and is labelled as one. */
export async function* notWebPage(
  body: Body,
  contentType: string | undefined,
  where: string,
): AsyncGenerator<Uint8Array> {
  let first = true;
  for await (const piece of body) {
    if (first && piece.length > 0) {
      first = false;
      const start = piece.subarray(0, SAMPLE_BYTES);
      if (looksLikeWebPage(start, contentType)) throw webPageError(where, start);
    }
    yield piece;
  }
}
