import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { hashPieces } from '../../../client/content/hash.ts';
import { hashFolder } from '../../../client/content/pack.ts';
import { unpackFolder } from '../../../client/content/unpack.ts';
import { nodeFiles } from '../../../client/effects/files.ts';
import { QxError } from '../../../client/format/error.ts';
import { BLOCK } from '../../../client/format/tar.ts';
import { type Chance, mutate, seeded } from '../../support/seeded.ts';
import { snapshot } from '../../support/snapshot.ts';
import { archive, edited, file, folder, link } from '../../support/tar.ts';

// Thousands of small folders: seconds on an idle disk, more on a busy one.
t.setTimeout(300_000);

const files = nodeFiles();

const good = archive(
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
];
const OFFSETS = [
  0, 1, 2, 3, 5, 100, 124, 130, 134, 135, 156, 157, 158, 160, 257, 345, 347,
];

function forge(chance: Chance): Buffer {
  const bytes = Buffer.from(good);
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
  const blocks = good.length / BLOCK;
  const from = chance.below(blocks) * BLOCK;
  const to = from + (1 + chance.below(4)) * BLOCK;
  const part = good.subarray(from, to);
  const at = chance.below(blocks) * BLOCK;
  const rest =
    chance.below(2) === 0
      ? good
      : Buffer.concat([good.subarray(0, from), good.subarray(to)]);
  return Buffer.concat([rest.subarray(0, at), part, rest.subarray(at)]);
}

const MUTATIONS = [(chance: Chance) => mutate(good, chance), forge, forge, shuffle];

async function* once(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}

t.test(
  '2,000 seeded mutants: a folder that packs to the same bytes, or a QxError',
  async (t) => {
    const seed = 7_041_776;
    const chance = seeded(seed);
    const base = t.testdir({ keep: 'me', etc: { passwd: 'root' } });
    const destination = path.join(base, 'deep', 'out');
    fs.mkdirSync(path.dirname(destination));
    const before = snapshot(base);
    const kinds = new Map<string, number>();
    for (let round = 0; round < 2000; round += 1) {
      const bytes = MUTATIONS[round % MUTATIONS.length]?.(chance) ?? good;
      let kind = 'accepted';
      try {
        await unpackFolder(files, once(bytes), destination);
        const again = await hashFolder(files, destination);
        if (again.sha256 !== (await hashPieces(once(bytes))).sha256) {
          t.fail(`seed ${seed} round ${round}: packs to other bytes`);
        }
      } catch (error) {
        if (!(error instanceof QxError)) throw error;
        if (error.code !== 'malformed' && error.code !== 'digest') {
          t.fail(`seed ${seed} round ${round}: ${error.code} ${error.message}`);
        }
        kind = error.message;
      }
      fs.rmSync(destination, { recursive: true, force: true });
      if (round % 50 === 49) {
        t.same(snapshot(base), before, `seed ${seed}: nothing outside by round ${round}`);
      }
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    }
    t.ok((kinds.get('accepted') ?? 0) > 20, 'some mutants are canonical');
    t.ok(kinds.size > 10, 'and the others fail in many ways');
    t.comment(JSON.stringify(Object.fromEntries(kinds), null, 1));
  },
);
