import { QxError } from '../format/error.ts';

const NOTHING = new Uint8Array(0);

/** Reads a body by counts instead of by the pieces that it happens to come in. */
export class PieceReader {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = NOTHING;

  constructor(body: AsyncIterable<Uint8Array>) {
    this.#pieces = body[Symbol.asyncIterator]();
  }

  /** At least one byte and at most `max`, without a copy; empty only at the end of the body. */
  async upTo(max: number): Promise<Uint8Array> {
    while (this.#rest.length === 0) {
      const next = await this.#pieces.next();
      if (next.done === true) return NOTHING;
      this.#rest = next.value;
    }
    const taken = this.#rest.subarray(0, max);
    this.#rest = this.#rest.subarray(max);
    return taken;
  }

  /** A copy of exactly `count` bytes, null where the body has ended; QxError `digest` in between. */
  async exactly(count: number): Promise<Buffer | null> {
    const bytes = Buffer.allocUnsafe(count);
    let filled = 0;
    while (filled < count) {
      const piece = await this.upTo(count - filled);
      if (piece.length === 0 && filled === 0) return null;
      if (piece.length === 0) throw cutShort(count, filled);
      bytes.set(piece, filled);
      filled += piece.length;
    }
    return bytes;
  }

  /** Ends the body, read or not. */
  async close(): Promise<void> {
    await this.#pieces.return?.();
  }
}

/** The error for a body that ends before what it promised. */
export function cutShort(expected: number, found: number, where?: string): QxError {
  return new QxError('digest', 'a content ends before it is complete', {
    where,
    expected: `${expected} bytes more`,
    found: `${found} bytes`,
  });
}

/** The same bytes in pieces of exactly `size`, only the last one shorter. Each is a buffer of its own. */
export async function* inPiecesOf(
  size: number,
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Buffer, void, undefined> {
  let buffer = Buffer.allocUnsafe(size);
  let filled = 0;
  for await (const piece of body) {
    for (let at = 0; at < piece.length;) {
      const part = piece.subarray(at, at + size - filled);
      buffer.set(part, filled);
      at += part.length;
      filled += part.length;
      if (filled < size) continue;
      yield buffer;
      buffer = Buffer.allocUnsafe(size);
      filled = 0;
    }
  }
  if (filled > 0) yield buffer.subarray(0, filled);
}
