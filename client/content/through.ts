import { Readable, type Transform, pipeline } from 'node:stream';

/**
 * `body` led through a stream of Node, with back-pressure. Errors of `body` come out as they are, those of
 * the stream as `fault` names them. Leaving the loop early ends both.
 */
export async function* through(
  body: AsyncIterable<Uint8Array>,
  transform: Transform,
  fault: (error: unknown) => unknown = (error) => error,
): AsyncGenerator<Buffer, void, undefined> {
  const source = { error: undefined as unknown };
  const input = Readable.from(noting(body, source), {
    objectMode: true,
    highWaterMark: 1,
  });
  // Errors come out of the loop below; pipeline is here to end each side with the other.
  pipeline(input, transform, () => {});
  try {
    for await (const piece of transform) yield piece as Buffer;
  } catch (error) {
    throw error === source.error ? error : fault(error);
  }
}

/** `body`, with its own error remembered: it must not be taken for a fault of the bytes. */
async function* noting(
  body: AsyncIterable<Uint8Array>,
  source: { error: unknown },
): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of body) if (piece.length > 0) yield piece;
  } catch (error) {
    source.error = error;
    throw error;
  }
}
