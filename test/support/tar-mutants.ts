import { BLOCK } from '../../client/format/tar.ts';
import { pick } from './mutate.ts';
import { type Chance, mutate } from './seeded.ts';
import { archive, edited, file, folder, link } from './tar.ts';

/** A canonical archive with everything that a folder may hold. */
export const ARCHIVE = archive(
  folder('bin'),
  link('bin/l', '../read'),
  file('bin/tool', 600, 0o755),
  'x'.repeat(600),
  folder('etc'),
  file('etc/a', 3),
  'abc',
  link('etc/up', '..'),
  file('n'.repeat(120), 5),
  'hello',
  file('read', 0),
);

/** Texts that matter to whoever resolves names, written where names, targets, types and sizes stand. */
const TEXTS = [
  '../',
  '/etc/',
  './',
  '..\0',
  './etc/up/x',
  '\0',
  '/',
  '5',
  '2',
  '0',
  '1',
  'x',
  'g',
  '00000000001',
  '77777777777',
  '\x80\0\0\0\0\0\0\x40',
];
const OFFSETS = [
  0, 1, 2, 3, 5, 100, 124, 130, 134, 135, 156, 157, 158, 160, 257, 345, 347,
];

function forge(chance: Chance): Buffer {
  const bytes = Buffer.from(ARCHIVE);
  const headers = Array.from(
    { length: bytes.length / BLOCK },
    (_, n) => n * BLOCK,
  ).filter((at) => bytes.subarray(at + 257, at + 262).equals(Buffer.from('ustar')));
  for (let edits = 1 + chance.below(3); edits > 0; edits -= 1) {
    const at = headers[chance.below(headers.length)] ?? 0;
    const offset = OFFSETS[chance.below(OFFSETS.length)] ?? 0;
    const text = TEXTS[chance.below(TEXTS.length)] ?? '';
    edited(bytes.subarray(at, at + BLOCK), [[offset, text]]).copy(bytes, at);
  }
  return bytes;
}

/** Whole entries in another order, doubled or left out. */
function shuffle(chance: Chance): Buffer {
  const blocks = ARCHIVE.length / BLOCK;
  const from = chance.below(blocks) * BLOCK;
  const to = from + (1 + chance.below(4)) * BLOCK;
  const part = ARCHIVE.subarray(from, to);
  const at = chance.below(blocks) * BLOCK;
  const rest =
    chance.below(2) === 0
      ? ARCHIVE
      : Buffer.concat([ARCHIVE.subarray(0, from), ARCHIVE.subarray(to)]);
  return Buffer.concat([rest.subarray(0, at), part, rest.subarray(at)]);
}

const MUTATIONS = [
  (chance: Chance): Buffer => mutate(ARCHIVE, chance),
  forge,
  forge,
  shuffle,
];

/** The archive after an accident to its bytes, its headers (their checksums made right again) or its order. */
export function mutantArchive(chance: Chance): Buffer {
  return pick(chance, MUTATIONS)(chance);
}
