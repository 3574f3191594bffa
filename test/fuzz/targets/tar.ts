import { isDeepStrictEqual } from 'node:util';
import { hashPieces } from '../../../client/content/hash.ts';
import { hashFolder } from '../../../client/content/pack.ts';
import { unpackFolder } from '../../../client/content/unpack.ts';
import { decodeHeader, headerRest } from '../../../client/format/tar-header.ts';
import { BLOCK, encodeHeader } from '../../../client/format/tar.ts';
import { pick } from '../../support/mutate.ts';
import { type Chance, mutate } from '../../support/seeded.ts';
import { mutantArchive } from '../../support/tar-mutants.ts';
import { edited, SAMPLES } from '../../support/tar.ts';
import { Fault, type Target } from '../engine.ts';
import { memoryFiles } from '../memory-files.ts';

/** In pieces of a length that the bytes decide, as a network would hand them out. */
async function* pieces(bytes: Buffer): AsyncGenerator<Uint8Array> {
  const size = 1 + (bytes.length % 7) * 300 + (bytes[0] ?? 0);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** Whatever is unpacked stays in its folder, and packs to the very same bytes. */
const archive: Target = {
  name: 'tar',
  codes: ['malformed', 'digest'],
  make: mutantArchive,
  judge: async (input) => {
    const files = memoryFiles('/folder');
    await unpackFolder(files, pieces(input), '/folder/out');
    const again = await hashFolder(files, '/folder/out');
    if (!isDeepStrictEqual(again, await hashPieces(pieces(input))))
      throw new Fault('packs to other bytes');
  },
};

const HEADERS = SAMPLES.map(([, entry]) => encodeHeader(entry));
const OFFSETS = [
  0, 2, 99, 100, 108, 124, 130, 134, 135, 136, 148, 156, 157, 257, 263, 329, 345,
];
const TEXTS = [
  '\0',
  ' ',
  '0',
  '7',
  '../',
  '/',
  'x',
  '\x80',
  '\xff',
  '-1',
  '77777777777',
  'ustar  \0',
];

function mutateHeader(chance: Chance): Buffer {
  const header = pick(chance, HEADERS);
  if (chance.below(3) === 0) return mutate(header, chance);
  const edits = Array.from({ length: 1 + chance.below(3) }, (): [number, string] => [
    pick(chance, OFFSETS) + chance.below(3),
    pick(chance, TEXTS),
  ]);
  return edited(header, edits);
}

const header: Target = {
  name: 'tar-header',
  codes: ['malformed'],
  make: mutateHeader,
  judge: (input) => {
    const first = input.subarray(0, BLOCK);
    const rest = headerRest(
      Buffer.concat([first, Buffer.alloc(BLOCK)]).subarray(0, BLOCK),
    );
    if (rest > 8 * BLOCK) throw new Fault('asks for more than any name needs');
    const whole = Buffer.concat([input, Buffer.alloc(BLOCK + rest)]).subarray(
      0,
      BLOCK + rest,
    );
    if (!encodeHeader(decodeHeader(whole)).equals(whole))
      throw new Fault('is written as another');
  },
};

export const tarTargets: readonly Target[] = [archive, header];
