import t from 'tap';
import {
  encodePublicKeyFile,
  keyIdOf,
  parsePublicKeyFile,
  parsePublicKeyLine,
  publicKeyLine,
} from '../../../client/format/minisign/public-key.ts';
import { vector } from '../../support/minisign-vectors.ts';
import { refusal, said } from '../../support/refusal.ts';

const LINE = 'RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3';

t.test('a line gives the id as minisign prints it and the bytes of the key', (t) => {
  const key = parsePublicKeyLine(LINE);
  t.equal(key.id, 'E7620F1842B4E81F');
  t.equal(key.idBytes.toString('hex'), '1fe8b442180f62e7');
  t.equal(key.bytes.toString('hex').slice(0, 16), '79a561e70ee08cd3');
  t.equal(key.bytes.length, 32);
  t.equal(publicKeyLine(key), LINE);
  t.end();
});

t.test('an id keeps its leading zeros', (t) => {
  t.equal(keyIdOf(Buffer.from('7ea5799f90640a00', 'hex')), '000A64909F79A57E');
  const { comment, key } = parsePublicKeyFile(vector('stock/leading-zeros.pub'));
  t.equal(comment, 'minisign public key A64909F79A57E', 'the tool leaves them out');
  t.equal(key.id, '000A64909F79A57E');
  t.end();
});

t.test('public key files of other tools are written back byte for byte', (t) => {
  const files = [
    'aead/minisign.pub',
    'rust-minisign-verify/test.pub',
    'stock/plain.pub',
    'stock/protected.pub',
    'stock/leading-zeros.pub',
  ];
  for (const file of files) {
    const { comment, key } = parsePublicKeyFile(vector(`${file}`));
    t.strictSame(encodePublicKeyFile(key, comment), vector(`${file}`), file);
  }
  const { key } = parsePublicKeyFile(vector('stock/plain.pub'));
  t.strictSame(encodePublicKeyFile(key), vector('stock/plain.pub'), 'by default');
  t.end();
});

t.test('what an editor does to a file changes nothing', (t) => {
  const bytes = vector('stock/plain.pub');
  const expected = parsePublicKeyFile(bytes);
  const text = bytes.toString();
  for (const edited of [text.trimEnd(), `${text}\n\n`, text.replaceAll('\n', '\r\n')]) {
    t.strictSame(parsePublicKeyFile(Buffer.from(edited)), expected);
  }
  t.end();
});

const weak = (y: string): string =>
  Buffer.concat([Buffer.from('Ed12345678'), Buffer.from(y, 'hex')]).toString('base64');

const REFUSED_LINES: [reason: string, line: string, part: string][] = [
  ['nothing', '', 'not a minisign public key'],
  ['cut short', LINE.slice(0, -1), 'not a minisign public key'],
  ['cut short by a group', LINE.slice(0, -4), 'not a minisign public key'],
  ['a group too long', `${LINE}AAAA`, 'not a minisign public key'],
  ['another algorithm', LINE.replace('RWQ', 'RmQ'), 'not a minisign public key'],
  [
    'the algorithm of a signature',
    LINE.replace('RWQ', 'RUQ'),
    'not a minisign public key',
  ],
  ['a space in front', ` ${LINE}`, 'not a minisign public key'],
  ['a line feed at the end', `${LINE}\n`, 'not a minisign public key'],
  [
    'a character that is no base64',
    LINE.replace('mlY', 'm-Y'),
    'not a minisign public key',
  ],
  [
    'junk that Buffer.from skips',
    LINE.replace('mlY', 'ml*Y'),
    'not a minisign public key',
  ],
  ['padding where none is', `${LINE.slice(0, -2)}==`, 'not a minisign public key'],
  ['a key that is zero', weak('00'.repeat(32)), 'weak public key'],
  ['the neutral element', weak(`01${'00'.repeat(31)}`), 'weak public key'],
  ['a y above the field', weak('ff'.repeat(32)), 'weak public key'],
];

t.test('refused lines', (t) => {
  for (const [reason, line, part] of REFUSED_LINES) {
    const error = refusal(() => parsePublicKeyLine(line, 'root: keys.A'));
    t.equal(error.code, 'malformed', reason);
    t.match(said(error), part, reason);
    t.match(error.message, /^root: keys\.A: /, reason);
  }
  t.end();
});

const COMMENT = 'untrusted comment: x';

const REFUSED_FILES: [reason: string, text: string, part: string][] = [
  ['nothing', '', 'a comment line is missing'],
  ['no comment', `${LINE}\n`, 'a comment line is missing'],
  [
    'a comment of another kind',
    `trusted comment: x\n${LINE}\n`,
    'a comment line is missing',
  ],
  [
    'a comment without its space',
    `untrusted comment:x\n${LINE}\n`,
    'a comment line is missing',
  ],
  ['no key', `${COMMENT}\n`, 'not two lines'],
  ['two keys', `${COMMENT}\n${LINE}\n${LINE}\n`, 'not two lines'],
  ['a NUL in the comment', `${COMMENT}\0\n${LINE}\n`, 'a control character'],
  ['a CR in the comment', `${COMMENT}\ry\n${LINE}\n`, 'a control character'],
  [
    'more than 4 KiB',
    `${COMMENT}\n${LINE}${'\n'.repeat(4096)}`,
    'larger than 4096 bytes',
  ],
];

t.test('refused files', (t) => {
  for (const [reason, text, part] of REFUSED_FILES) {
    const error = refusal(() => parsePublicKeyFile(Buffer.from(text)));
    t.equal(error.code, 'malformed', reason);
    t.match(said(error), part, reason);
  }
  t.end();
});

t.test('a comment that would break the file is not written', (t) => {
  const key = parsePublicKeyLine(LINE);
  for (const comment of ['two\nlines', 'a\rb', 'a\0b', 'x'.repeat(1100)]) {
    t.equal(refusal(() => encodePublicKeyFile(key, comment)).code, 'malformed');
  }
  t.end();
});
