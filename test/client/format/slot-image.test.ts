import t from 'tap';
import { QxError } from '../../../client/format/error.ts';
import { parseSlotImage, type SlotImage } from '../../../client/format/slot-image.ts';
import { mutate, seeded } from '../../support/seeded.ts';
import { about, ext4, squashfs } from '../../support/slot-image.ts';

const ABOUT = { layout: 'A', arch: 'x86_64', compatible: 'quantix-os', version: '1.5.0' };

function parse(image: Buffer, size = image.length): SlotImage {
  return parseSlotImage(image.subarray(0, 2048), image.subarray(-4096), size, 'image');
}

t.test('both layouts are told apart, with and without a last block', (t) => {
  t.strictSame(parse(squashfs()), { layout: 'A', about: null });
  t.strictSame(parse(ext4()), { layout: 'B', about: null });
  const components = { 'qx-node': '1.5.0', 'host-ui': '1.4.0' };
  t.strictSame(parse(Buffer.concat([squashfs(), about({ ...ABOUT, components })])), {
    layout: 'A',
    about: { ...ABOUT, components },
  });
  const least = { layout: 'B', arch: 'aarch64' };
  t.strictSame(parse(Buffer.concat([ext4(), about(least)])), {
    layout: 'B',
    about: least,
  });
  t.end();
});

const aboutA = (value: object, magic?: string): Buffer =>
  Buffer.concat([squashfs(), about(value, magic)]);

const REFUSED: [why: string, image: Buffer, message: RegExp, found?: RegExp][] = [
  ['nothing', Buffer.alloc(0), /neither a squashfs nor an ext4/, /nothing/],
  ['zeros', Buffer.alloc(8192), /neither/, /0000000000000000/],
  ['an image of a whole disk', Buffer.alloc(8192, 'EFI PART'), /neither/],
  ['xz', Buffer.from('fd377a585a00'.repeat(2000), 'hex'), /neither/, /fd377a58/],
  ['squashfs 3', squashfs((h) => h.writeUInt16LE(3, 28)), /another version/, /3/],
  ['zstd, for GRUB', squashfs((h) => h.writeUInt16LE(6, 20)), /GRUB cannot/, /zstd/],
  ['lz4, for GRUB', squashfs((h) => h.writeUInt16LE(5, 20)), /GRUB cannot/, /lz4/],
  ['number 9', squashfs((h) => h.writeUInt16LE(9, 20)), /GRUB cannot/, /number 9/],
  ['a short squashfs', squashfs((h) => h.writeBigUInt64LE(4097n, 40)), /cut short/],
  ['an empty squashfs', squashfs((h) => h.writeBigUInt64LE(0n, 40)), /cut short/],
  ['a journal', ext4((s) => s.writeUInt32LE(0x4, 92)), /journal/, /has_journal/],
  ['inline data', ext4((s) => s.writeUInt32LE(0x8000, 96)), /GRUB cannot/, /0x8000/],
  ['case folding', ext4((s) => s.writeUInt32LE(0x20000, 96)), /GRUB cannot/, /0x20000/],
  ['a journal to replay', ext4((s) => s.writeUInt32LE(0x4, 96)), /GRUB cannot/, /0x4/],
  ['a short ext4', ext4((s) => s.writeUInt32LE(2, 4)), /cut short/, /4096 bytes/],
  [
    'an ext4 of 2^44 bytes',
    ext4((s) => {
      s.writeUInt32LE(0x80, 96);
      s.writeUInt32LE(1, 336);
    }),
    /cut short/,
  ],
  ['the other layout', aboutA({ ...ABOUT, layout: 'B' }), /not what its last/, /A/],
  ['a third layout', aboutA({ ...ABOUT, layout: 'C' }), /layout/],
  ['no architecture', aboutA({ layout: 'A' }), /arch/],
  ['a name with a slash', aboutA({ ...ABOUT, compatible: 'a/b' }), /compatible/],
  ['no JSON', Buffer.concat([squashfs(), about({}).fill('x', 17)]), /not JSON/],
];

for (const [why, image, message, found] of REFUSED) {
  t.test(`refused: ${why}`, (t) => {
    const thrown = caught(() => parse(image));
    t.match(thrown, { code: 'malformed', where: 'image', message });
    if (found !== undefined) t.match(thrown.found, found);
    t.end();
  });
}

t.test('a later form of the last block is too new', (t) => {
  const later = caught(() => parse(aboutA(ABOUT, 'QUANTIX-IMAGE 2')));
  t.match(later, { code: 'too-new', found: 'QUANTIX-IMAGE 2' });
  t.end();
});

t.test('whatever stands there, a value comes back or the one error', (t) => {
  const seed = Number(process.env.QX_TEST_SEED ?? 1);
  const chance = seeded(seed);
  const images = [
    aboutA(ABOUT),
    Buffer.concat([ext4(), about({ ...ABOUT, layout: 'B' })]),
  ];
  for (let round = 0; round < 5000; round += 1) {
    const image = mutate(images[round % 2] as Buffer, chance);
    try {
      t.ok(['A', 'B'].includes(parse(image).layout));
    } catch (error) {
      if (!(error instanceof QxError))
        t.fail(`seed ${seed}, round ${round}: ${String(error)}`);
    }
  }
  t.end();
});

function caught(work: () => unknown): QxError {
  try {
    work();
  } catch (error) {
    if (error instanceof QxError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}
