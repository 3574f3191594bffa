import t from 'tap';
import { QxError } from '../../../client/format/error.ts';
import { decodeHeader, headerRest } from '../../../client/format/tar-header.ts';
import { BLOCK, encodeHeader } from '../../../client/format/tar.ts';
import { seeded } from '../../support/seeded.ts';
import { SAMPLES, edited, file, folder, link } from '../../support/tar.ts';

const plain = encodeHeader(file('app.js', 5));
const REFUSED: [why: string, header: Buffer, message: RegExp, found?: RegExp][] = [
  ['hard link', edited(plain, [[156, '1']]), /plain file/, /hard link/],
  ['character device', edited(plain, [[156, '3']]), /plain file/, /character/],
  ['block device', edited(plain, [[156, '4']]), /plain file/, /block/],
  ['fifo', edited(plain, [[156, '6']]), /plain file/, /fifo/],
  ['contiguous file', edited(plain, [[156, '7']]), /plain file/],
  ['GNU long name', edited(plain, [[156, 'L']]), /plain file/, /GNU/],
  ['sparse file', edited(plain, [[156, 'S']]), /plain file/, /sparse/],
  ['global PAX header', edited(plain, [[156, 'g']]), /plain file/, /global/],
  ['type NUL', edited(plain, [[156, '\0']]), /tar:/],
  ['setuid', edited(plain, [[100, '0004755']]), /set-id/, /4755/],
  ['setgid', edited(plain, [[100, '0002755']]), /set-id/],
  ['sticky', edited(plain, [[100, '0001755']]), /set-id/],
  ['mode 0666', edited(plain, [[100, '0000666']]), /canonical/, /mode/],
  ['owner 1000', edited(plain, [[108, '0001750']]), /canonical/, /owner ids/],
  ['owner name', edited(plain, [[265, 'root']]), /canonical/, /owner names/],
  ['a time', edited(plain, [[136, '00000000001']]), /canonical/, /time/],
  ['no "./"', edited(plain, [[0, 'app.js\0\0']]), /canonical/, /name/],
  ['".."', edited(plain, [[0, '../app.js']]), /"\.\."/],
  ['absolute', edited(plain, [[0, '/app.js\0']]), /absolute/],
  ['".." in the prefix', edited(plain, [[345, './..']]), /"\.\."/],
  ['bytes behind the name', edited(plain, [[20, 'x']]), /canonical/, /name/],
  ['a name that is not UTF-8', edited(plain, [[2, '\xff\xfe']]), /UTF-8/],
  ['a file with a folder name', edited(plain, [[0, './app/\0\0\0']]), /canonical/],
  ['the folder itself', edited(encodeHeader(folder('d')), [[2, '\0\0']]), /empty/],
  [
    'a body for a folder',
    edited(encodeHeader(folder('d')), [[124, '00000000005']]),
    /canonical/,
  ],
  [
    'a body for a link',
    edited(encodeHeader(link('l', 'x')), [[124, '00000000005']]),
    /canonical/,
  ],
  [
    'a link out of the folder',
    edited(encodeHeader(link('l', 'x')), [[157, '../x']]),
    /outside/,
  ],
  ['an absolute link', edited(encodeHeader(link('l', 'x')), [[157, '/etc']]), /absolute/],
  [
    'a size in base 256',
    edited(plain, [[124, '\x80\0\0\0\0\0\0\0\0\0\0\x05']]),
    /canonical/,
  ],
  [
    'a size beyond 2^53',
    edited(plain, [[124, `\x80${'\x7f'.repeat(11)}`]]),
    /cannot be read/,
  ],
  ['a negative size', edited(plain, [[124, '\xff'.repeat(12)]]), /canonical/],
  ['spaces around the size', edited(plain, [[124, '          5 ']]), /canonical/, /size/],
  ['old magic', edited(plain, [[257, 'ustar  \0']]), /canonical/, /magic/],
  ['device numbers', edited(plain, [[329, '0000001']]), /canonical/],
];

t.test('headers that the packer would never write are refused', async (t) => {
  t.same(
    decodeHeader(edited(plain, [])),
    file('app.js', 5),
    'the editor itself is harmless',
  );
  for (const [why, header, message, found] of REFUSED) {
    t.throws(
      () => decodeHeader(header),
      { code: 'malformed', message, ...(found === undefined ? {} : { found }) },
      why,
    );
  }
  const broken = Buffer.from(plain);
  broken[0] = 0x2f;
  t.throws(() => decodeHeader(broken), { code: 'malformed', message: /checksum/ });
});

t.test(
  'PAX headers say path and linkpath, as short as they can, and nothing else',
  async (t) => {
    const long = encodeHeader(file('n'.repeat(120)));
    const records = (text: string): Buffer => {
      const bytes = Buffer.from(long);
      const head = edited(bytes.subarray(0, BLOCK), [
        [124, Buffer.byteLength(text).toString(8).padStart(11, '0')],
      ]);
      const body = Buffer.alloc(BLOCK);
      body.write(text);
      return Buffer.concat([head, body, bytes.subarray(-BLOCK)]);
    };
    const good = `132 path=./${'n'.repeat(120)}\n`;
    t.same(decodeHeader(records(good)), file('n'.repeat(120)));
    const rows: [why: string, text: string][] = [
      ['another keyword', '12 size=512\n'],
      ['a keyword beside path', `${good}20 mtime=1700000000\n`],
      ['path twice', good + good],
      ['a length of zero', '0 path=./x\n'],
      ['a length that is too large', '99 path=./x\n'],
      ['a length that is too small', '5 path=./x\n'],
      ['no records', 'hello\n'],
      ['a short name', '12 path=./x\n'],
      ['".."', '16 path=./../../x\n'],
      ['NUL in the name', `132 path=./${'n'.repeat(60)}\0${'n'.repeat(59)}\n`],
    ];
    for (const [why, text] of rows) {
      t.throws(() => decodeHeader(records(text)), { code: 'malformed' }, why);
    }
    const huge = edited(long.subarray(0, BLOCK), [[124, '00077777777']]);
    t.throws(() => headerRest(huge), {
      code: 'malformed',
      message: /PAX header of a size/,
    });
  },
);

t.test(
  '10,000 seeded mutations of headers: the same bytes again or a QxError',
  async (t) => {
    const seed = 20_260_301;
    const chance = seeded(seed);
    let accepted = 0;
    for (let round = 0; round < 10_000; round += 1) {
      const [, entry] = SAMPLES[chance.below(SAMPLES.length)] ?? ['', file('x'), 1];
      const header = encodeHeader(entry);
      const bytes = edited(header, [
        [chance.below(BLOCK), String.fromCharCode(chance.below(256))],
        [chance.below(400), String.fromCharCode(chance.below(256))],
      ]);
      try {
        const decoded = decodeHeader(bytes);
        if (!encodeHeader(decoded).equals(bytes)) t.fail(`seed ${seed} round ${round}`);
        accepted += 1;
      } catch (error) {
        if (!(error instanceof QxError))
          t.fail(`seed ${seed} round ${round}: ${String(error)}`);
      }
    }
    t.ok(accepted > 20, `${accepted} mutations were still canonical`);
  },
);
