import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { brotliDecompressSync } from 'node:zlib';
import t from 'tap';
import { nodeFiles } from '../../../client/effects/files.ts';
import {
  chooseQuality,
  compress,
  samplePlaces,
  sampleSaves,
  savesEnough,
} from '../../../generator/contents/compress.ts';
import { seeded } from '../../support/seeded.ts';

const files = nodeFiles();
const MiB = 1024 * 1024;

/** Half of it text, half of it noise: something to find and something to store. */
function mixed(size: number, seed = 1): Buffer {
  const chance = seeded(seed);
  const words = Array.from({ length: 500 }, () => chance.bytes(4).toString('hex'));
  const parts: Buffer[] = [];
  for (let made = 0; made < size; made += parts.at(-1)?.length ?? 1) {
    const word = words[chance.below(words.length)] ?? '';
    parts.push(chance.below(4) === 0 ? chance.bytes(16) : Buffer.from(word));
  }
  return Buffer.concat(parts).subarray(0, size);
}

async function collect(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces);
}

function* cut(bytes: Buffer, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

t.test('quality 11 up to 64 MiB, lower above, light when it must be fast', async (t) => {
  t.equal(chooseQuality(0), 11);
  t.equal(chooseQuality(64 * MiB), 11);
  t.equal(chooseQuality(64 * MiB + 1), 5);
  t.equal(chooseQuality(100, true), 3);
  t.equal(chooseQuality(1024 * MiB, true), 3);
});

t.test('compressed is kept where it saves three parts in a hundred', async (t) => {
  t.equal(savesEnough(1000, 970), true);
  t.equal(savesEnough(1000, 971), false);
  t.equal(savesEnough(0, 1), false);
});

t.test('the stream depends on the bytes alone, not on how they are cut', async (t) => {
  const bytes = mixed(MiB + 123_456);
  for (const quality of [1, 3, 5]) {
    const digests = new Set<string>();
    for (const size of [777, 65_536, bytes.length]) {
      const stream = await collect(
        compress(cut(bytes, size), { quality, size: bytes.length }),
      );
      if (digests.size === 0)
        t.ok(brotliDecompressSync(stream).equals(bytes), 'and it decodes');
      digests.add(createHash('sha256').update(stream).digest('hex'));
    }
    t.equal(digests.size, 1, `quality ${quality}`);
  }
});

t.test('quality 11 gives the same bytes twice', async (t) => {
  const bytes = mixed(60_000, 2);
  const [a, b] = await Promise.all(
    [1000, 60_000].map((size) =>
      collect(compress(cut(bytes, size), { quality: 11, size: bytes.length })),
    ),
  );
  t.ok(a?.equals(b ?? Buffer.alloc(0)));
});

t.test('nothing compresses to a stream that decodes to nothing', async (t) => {
  const stream = await collect(compress([], { quality: 11, size: 0 }));
  t.equal(brotliDecompressSync(stream).length, 0);
});

t.test('a sample says whether it is worth a try', async (t) => {
  const base = t.testdir({});
  const noise = seeded(3).bytes(100_000);
  const rows: [why: string, bytes: Buffer, saves: boolean][] = [
    ['text', mixed(500_000), true],
    ['noise', noise, false],
    ['nothing', Buffer.alloc(0), false],
    ['a short text', Buffer.from('quantix '.repeat(10)), true],
    [
      'text between noise, larger than the sample',
      Buffer.concat([...Array<Buffer>(10).fill(noise), mixed(2 * MiB)]),
      true,
    ],
  ];
  for (const [why, bytes, saves] of rows) {
    writeFileSync(`${base}/x`, bytes);
    t.equal(await sampleSaves(files, `${base}/x`, bytes.length), saves, why);
  }
});

t.test('the sample covers the file from its first byte to its last', async (t) => {
  t.same(samplePlaces(0), []);
  t.same(samplePlaces(1000), [[0, 1000]]);
  t.same(samplePlaces(MiB), [[0, MiB]]);
  const places = samplePlaces(1024 * MiB);
  t.equal(places.length, 16);
  t.same(places[0], [0, 65_536]);
  t.same(places.at(-1), [1024 * MiB - 65_536, 65_536]);
});

t.test('an error of the body comes out as it is', async (t) => {
  const broken = (async function* () {
    yield Buffer.alloc(5 * MiB);
    throw Object.assign(new Error('read error'), { code: 'EIO' });
  })();
  await t.rejects(collect(compress(broken, { quality: 1, size: 10 * MiB })), {
    code: 'EIO',
  });
});
