import { constants, createBrotliCompress } from 'node:zlib';
import { inPiecesOf } from '../../client/content/pieces.ts';
import { through } from '../../client/content/through.ts';
import type { Files } from '../../client/effects/effects.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

/**
 * Measured on a Go binary of 11 MB, MB per CPU second and size of the result:
 * quality 3: 60, 41.2 %; 5: 12, 37.4 %; 9: 2.4, 36.6 %; 11: 0.35, 32.8 %.
 * So 9 costs five times as much as 5 for a fortieth; 11 is worth its time where that is minutes.
 */
const BEST = 11;
const LARGE = 5;
const FAST = 3;
const BEST_BYTES_MAX = 64 * MiB;

/** 4 MiB: a larger one doubles the memory of quality 11. */
const WINDOW_BITS = 22;
/** The encoder's result may depend on how its input is cut, so it is always cut the same way. */
const INPUT_BYTES = 1 * MiB;
const OUTPUT_BYTES = 256 * KiB;

const SAMPLE_PLACES = 16;
const SAMPLE_BYTES = 64 * KiB;
/** The sample is compressed lightly and so saves less than the whole will. */
const SAMPLE_SAVES = 0.01;
const WHOLE_SAVES = 0.03;

/** The brotli quality for a content of `size` bytes. */
export function chooseQuality(size: number, fast = false): number {
  if (fast) return FAST;
  return size <= BEST_BYTES_MAX ? BEST : LARGE;
}

/** Whether the compressed form is worth an object of its own: 3 % and more. */
export function savesEnough(size: number, compressedSize: number): boolean {
  return compressedSize <= size * (1 - WHOLE_SAVES);
}

/**
 * Whether compressing the file is worth a try, from 1 MiB of it: 16 places, evenly spread.
 * A file that is compressed already answers no within milliseconds.
 */
export async function sampleSaves(
  files: Files,
  path: string,
  size: number,
): Promise<boolean> {
  const sample = await readSample(files, path, size);
  let compressed = 0;
  for await (const piece of compress([sample], { quality: FAST, size: sample.length })) {
    compressed += piece.length;
  }
  return compressed <= sample.length * (1 - SAMPLE_SAVES);
}

/** Where the sample of a file of `size` bytes is read: [offset, length], all of it when it is small. */
export function samplePlaces(size: number): [offset: number, length: number][] {
  if (size <= SAMPLE_PLACES * SAMPLE_BYTES) return size === 0 ? [] : [[0, size]];
  const step = (size - SAMPLE_BYTES) / (SAMPLE_PLACES - 1);
  return Array.from({ length: SAMPLE_PLACES }, (_, index) => [
    Math.floor(index * step),
    SAMPLE_BYTES,
  ]);
}

/**
 * `body` as one brotli stream (window 22), in pieces of at most 256 KiB. `size` is what the body is expected
 * to have. The same bytes give the same stream under the same major version of Node, however they are cut.
 * Takes about 120 MB at quality 11 and 60 MB at 5, whatever the size; runs in the thread pool.
 */
export function compress(
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: { quality: number; size: number },
): AsyncGenerator<Buffer, void, undefined> {
  const encoder = createBrotliCompress({
    chunkSize: OUTPUT_BYTES,
    params: {
      [constants.BROTLI_PARAM_QUALITY]: options.quality,
      [constants.BROTLI_PARAM_LGWIN]: WINDOW_BITS,
      [constants.BROTLI_PARAM_SIZE_HINT]: Math.min(options.size, 0xffffffff),
    },
  });
  return through(inPiecesOf(INPUT_BYTES, body), encoder);
}

async function readSample(files: Files, path: string, size: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  const file = await files.open(path, 'read');
  try {
    for (const [offset, length] of samplePlaces(size)) {
      const part = Buffer.alloc(length);
      parts.push(part.subarray(0, await file.read(part, offset)));
    }
  } finally {
    await file.close();
  }
  return Buffer.concat(parts);
}
