import t from 'tap';
import { parsePublicKeyFile } from '../../../client/format/minisign/public-key.ts';
import { LEAST_SCRYPT, STOCK_SCRYPT } from '../../../client/format/minisign/scrypt.ts';
import {
  encodeSecretKeyFile,
  isEncrypted,
  makeSecretKey,
  parseSecretKeyFile,
} from '../../../client/format/minisign/secret-key.ts';
import { vector } from '../../support/minisign-vectors.ts';
import { refusal, said } from '../../support/refusal.ts';

const KEY = makeSecretKey(Buffer.from('0123456789abcdef', 'hex'), Buffer.alloc(32, 7));
const PASSWORD = Buffer.from('correct horse');
const SALT = Buffer.alloc(32, 9);
const PROTECTED = encodeSecretKeyFile(KEY, {
  password: PASSWORD,
  salt: SALT,
  scrypt: LEAST_SCRYPT,
});

t.test('a key is made of an id and a seed', (t) => {
  t.equal(KEY.id, 'EFCDAB8967452301');
  t.equal(KEY.publicKey.id, KEY.id);
  t.equal(KEY.publicKey.bytes.length, 32);
  t.equal(refusal(() => makeSecretKey(Buffer.alloc(7), KEY.seed)).code, 'defect');
  t.equal(refusal(() => makeSecretKey(KEY.idBytes, Buffer.alloc(33))).code, 'defect');
  t.end();
});

t.test('unprotected keys of other tools are written back byte for byte', (t) => {
  const files: [file: string, id: string][] = [
    ['aead/minisign-nopassword-0.key', '3728470A8118E56E'],
    ['stock/plain.key', parsePublicKeyFile(vector('stock/plain.pub')).key.id],
    ['stock/leading-zeros.key', '000A64909F79A57E'],
  ];
  for (const [file, id] of files) {
    const key = parseSecretKeyFile(vector(file));
    t.notOk(isEncrypted(vector(file)), file);
    t.equal(key.id, id, file);
    t.strictSame(encodeSecretKeyFile(key, {}), vector(file), file);
  }
  t.end();
});

t.test('empty lines at the end change nothing', (t) => {
  const bytes = vector('aead/minisign-nopassword-1.key');
  const key = parseSecretKeyFile(bytes);
  t.equal(key.id, 'D7E531EE76B2FC6F');
  t.equal(encodeSecretKeyFile(key, {}).toString(), `${bytes.toString().trimEnd()}\n`);
  const text = encodeSecretKeyFile(KEY, {}).toString();
  for (const edited of [text.trimEnd(), text.replaceAll('\n', '\r\n')]) {
    t.strictSame(parseSecretKeyFile(Buffer.from(edited)), KEY);
  }
  t.end();
});

t.test('a key whose password was taken off has a checksum, and it is checked', (t) => {
  const bytes = vector('stock/unprotected.key');
  t.notOk(isEncrypted(bytes));
  const key = parseSecretKeyFile(bytes);
  t.strictSame(key.publicKey, parsePublicKeyFile(vector('stock/protected.pub')).key);
  const error = refusal(() => parseSecretKeyFile(changed(bytes, 157)));
  t.equal(error.code, 'malformed');
  t.match(said(error), 'do not agree');
  t.end();
});

// The one place that pays for the parameters that minisign writes: 1 GiB, some seconds.
t.test('a protected key of minisign opens, and is written back byte for byte', (t) => {
  const bytes = vector('stock/protected.key');
  t.ok(isEncrypted(bytes));
  const key = parseSecretKeyFile(bytes, Buffer.from('pass'));
  t.strictSame(key.publicKey, parsePublicKeyFile(vector('stock/protected.pub')).key);
  const salt = rawOf(bytes).subarray(6, 38);
  t.strictSame(encodeSecretKeyFile(key, { password: Buffer.from('pass'), salt }), bytes);
  t.end();
});

t.test('a protected key opens with its password alone', (t) => {
  t.ok(isEncrypted(PROTECTED));
  t.strictSame(parseSecretKeyFile(PROTECTED, PASSWORD), KEY);
  const missing = refusal(() => parseSecretKeyFile(PROTECTED, undefined, 'keys/a.key'));
  t.equal(missing.code, 'config');
  t.match(said(missing), 'keys/a.key: protected by a password, and none was given');
  for (const wrong of ['', 'Correct horse', 'correct horse\n']) {
    const error = refusal(() => parseSecretKeyFile(PROTECTED, Buffer.from(wrong)));
    t.equal(error.code, 'config');
    t.match(said(error), 'the password does not fit');
  }
  t.end();
});

t.test('the secret stands in the clear only where no password is', (t) => {
  t.ok(rawOf(encodeSecretKeyFile(KEY, {})).includes(KEY.seed));
  t.notOk(rawOf(PROTECTED).includes(KEY.seed));
  t.notOk(rawOf(PROTECTED).includes(KEY.idBytes));
  t.end();
});

t.test(
  'a protected key needs salt, a password that is not empty, and allowed limits',
  (t) => {
    const encode = (options: Parameters<typeof encodeSecretKeyFile>[1]): string =>
      refusal(() => encodeSecretKeyFile(KEY, options)).code;
    t.equal(encode({ password: PASSWORD }), 'defect');
    t.equal(encode({ password: PASSWORD, salt: Buffer.alloc(31) }), 'defect');
    t.equal(encode({ password: Buffer.alloc(0), salt: SALT }), 'config');
    const scrypt = { ...STOCK_SCRYPT, ops: STOCK_SCRYPT.ops * 2 };
    t.equal(encode({ password: PASSWORD, salt: SALT, scrypt }), 'defect');
    t.end();
  },
);

t.test('parameters that would exhaust the machine are refused before any work', (t) => {
  const rows: [reason: string, ops: bigint, memory: bigint][] = [
    ['twice the operations', 67_108_864n, 1_073_741_824n],
    ['a byte more memory', 33_554_432n, 1_073_741_825n],
    ['the highest numbers', 2n ** 64n - 1n, 2n ** 64n - 1n],
    ['no operations', 0n, 1_073_741_824n],
    ['no memory, which would ask for many rounds instead', 33_554_432n, 0n],
    ['little memory, likewise', 33_554_432n, 1024n],
  ];
  for (const [reason, ops, memory] of rows) {
    const raw = rawOf(PROTECTED);
    raw.writeBigUInt64LE(ops, 38);
    raw.writeBigUInt64LE(memory, 46);
    const started = performance.now();
    const error = refusal(() => parseSecretKeyFile(fileOf(raw), PASSWORD));
    t.equal(error.code, 'malformed', reason);
    t.match(said(error), 'scrypt parameters out of bounds', reason);
    t.ok(performance.now() - started < 100, reason);
  }
  t.end();
});

t.test('limits with more than one round are read as libsodium reads them', (t) => {
  // ops above memory / 32: N from the memory (2^14), p from the work that is left (2).
  const scrypt = { ops: 1_048_576, memoryBytes: 16_777_216 };
  const bytes = encodeSecretKeyFile(KEY, { password: PASSWORD, salt: SALT, scrypt });
  t.strictSame(parseSecretKeyFile(bytes, PASSWORD), KEY);
  t.end();
});

const PLAIN = encodeSecretKeyFile(KEY, {});
const TEXT = PLAIN.toString();

const REFUSED: [reason: string, bytes: Uint8Array, part: string][] = [
  ['nothing', Buffer.alloc(0), 'a comment line is missing'],
  ['no comment', Buffer.from(TEXT.split('\n')[1] ?? ''), 'a comment line is missing'],
  [
    'a comment alone',
    Buffer.from(TEXT.split('\n')[0] ?? ''),
    'not a minisign secret key',
  ],
  ['a public key', vector('stock/plain.pub'), 'not a minisign secret key'],
  ['a line too many', Buffer.from(`${TEXT}more\n`), 'not a minisign secret key'],
  ['more than 4 KiB', Buffer.from(TEXT + '\n'.repeat(4096)), 'larger than 4096 bytes'],
  ['a byte short', fileOf(rawOf(PLAIN).subarray(0, 157)), 'not a minisign secret key'],
  [
    'junk in the base64',
    Buffer.from(TEXT.replace('RW', 'R*W')),
    'not a minisign secret key',
  ],
  ['another algorithm', changed(PLAIN, 0), 'not a minisign secret key'],
  ['another way to derive keys', changed(PLAIN, 2), 'not a minisign secret key'],
  ['another checksum', changed(PLAIN, 4), 'not a minisign secret key'],
  ['a seed of another public key', changed(PLAIN, 62), 'do not agree'],
  ['a public key of another seed', changed(PLAIN, 94), 'do not agree'],
  ['a checksum that is neither right nor absent', changed(PLAIN, 130), 'do not agree'],
];

t.test('refused files, and no refusal shows the key', (t) => {
  for (const [reason, bytes, part] of REFUSED) {
    const error = refusal(() => parseSecretKeyFile(bytes));
    t.equal(error.code, 'malformed', reason);
    t.match(said(error), part, reason);
    t.notMatch(said(error), TEXT.split('\n')[1]?.slice(72, 100), reason);
  }
  t.end();
});

function rawOf(file: Uint8Array): Buffer {
  return Buffer.from(Buffer.from(file).toString().split('\n')[1] ?? '', 'base64');
}

function fileOf(raw: Uint8Array): Buffer {
  return Buffer.from(`untrusted comment: x\n${Buffer.from(raw).toString('base64')}\n`);
}

function changed(file: Uint8Array, at: number): Buffer {
  const raw = rawOf(file);
  raw.writeUInt8((raw[at] ?? 0) ^ 0x20, at);
  return fileOf(raw);
}
