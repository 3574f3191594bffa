import { readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import {
  encodePublicKeyFile,
  parsePublicKeyFile,
  publicKeyLine,
} from '../../../client/format/minisign/public-key.ts';
import {
  LEAST_SCRYPT,
  type ScryptLimits,
} from '../../../client/format/minisign/scrypt.ts';
import {
  encodeSecretKeyFile,
  makeSecretKey,
  parseSecretKeyFile,
} from '../../../client/format/minisign/secret-key.ts';
import {
  encodeSignatures,
  parseSignatures,
  sign,
  verifyBlock,
} from '../../../client/format/minisign/signature.ts';
import { makeStockKey, stockSign, stockVerify } from '../../support/minisign.ts';
import { needs } from '../../support/needs.ts';
import { run } from '../../support/process.ts';
import { refusal } from '../../support/refusal.ts';
import { seeded } from '../../support/seeded.ts';

/** The real tool in both directions; each test works in a folder of its own that holds `message`. */

const MESSAGE = Buffer.from('one message\n');
const stock = needs('minisign');
const chance = seeded(11);
const newKey = () => makeSecretKey(chance.bytes(8), chance.bytes(32));

t.test('its plain keys and signatures are read and verified', stock, async (t) => {
  const folder = t.testdir({ message: MESSAGE });
  const made = await makeStockKey(folder, 'a');
  const { key } = parsePublicKeyFile(readFileSync(made.publicKey));
  const secret = parseSecretKeyFile(readFileSync(made.secretKey));
  t.strictSame(secret.publicKey, key);
  const file = await stockSign(`${folder}/message`, made.secretKey, {
    trustedComment: 'Grüße',
  });
  const [block] = parseSignatures(readFileSync(file));
  t.ok(block && verifyBlock(block, key, MESSAGE));
  t.equal(block?.trustedComment.toString(), 'Grüße');
});

t.test(
  'it reads our plain key, signs with it and verifies by our public key file',
  stock,
  async (t) => {
    const folder = t.testdir({ message: MESSAGE });
    const key = newKey();
    writeFileSync(`${folder}/a.key`, encodeSecretKeyFile(key, {}));
    writeFileSync(`${folder}/a.pub`, encodePublicKeyFile(key.publicKey));
    const file = await stockSign(`${folder}/message`, `${folder}/a.key`);
    t.equal((await stockVerify(`${folder}/message`, `${folder}/a.pub`)).status, 0);
    const [block] = parseSignatures(readFileSync(file));
    t.ok(block && verifyBlock(block, key.publicKey, MESSAGE));
  },
);

const COMMENTS: [what: string, comment: string | Buffer][] = [
  ['the usual one', 'timestamp:1767225600\tfile:stable.json\thashed'],
  ['an empty one', ''],
  ['one of spaces', '   '],
  ['UTF-8', 'geprüft ✓'],
  ['bytes that are no UTF-8', Buffer.from('ff0bfe80', 'hex')],
  ['8 KiB less what the tool keeps for itself', 'x'.repeat(8000)],
];

t.test('it verifies our signatures whatever the trusted comment', stock, async (t) => {
  const folder = t.testdir({ message: MESSAGE });
  const key = newKey();
  for (const [what, trustedComment] of COMMENTS) {
    const block = sign(key, MESSAGE, { untrustedComment: what, trustedComment });
    writeFileSync(`${folder}/message.minisig`, encodeSignatures([block]));
    const done = await stockVerify(`${folder}/message`, publicKeyLine(key.publicKey));
    t.equal(done.status, 0, `${what}: ${done.stderr}`);
  }
});

t.test('it refuses what we refuse', stock, async (t) => {
  const folder = t.testdir({ message: MESSAGE });
  const key = newKey();
  const block = sign(key, MESSAGE, { trustedComment: 'c' });
  const other = sign(key, Buffer.from('another'), { trustedComment: 'c' });
  const spoilt = [
    { ...block, signature: other.signature },
    { ...block, trustedComment: Buffer.from('d') },
    { ...block, globalSignature: other.globalSignature },
    { ...block, idBytes: Buffer.alloc(8) },
    other,
  ];
  for (const bad of spoilt) {
    t.notOk(verifyBlock(bad, key.publicKey, MESSAGE));
    writeFileSync(`${folder}/message.minisig`, encodeSignatures([bad]));
    const done = await stockVerify(`${folder}/message`, publicKeyLine(key.publicKey));
    t.not(done.status, 0);
  }
});

t.test('of several blocks it verifies the first', stock, async (t) => {
  const folder = t.testdir({ message: MESSAGE });
  const keys = [newKey(), newKey()];
  const blocks = keys.map((key) => sign(key, MESSAGE, { trustedComment: key.id }));
  writeFileSync(`${folder}/message.minisig`, encodeSignatures(blocks));
  const statuses = [];
  for (const key of keys) {
    const done = await stockVerify(`${folder}/message`, publicKeyLine(key.publicKey));
    statuses.push(done.status === 0);
  }
  t.strictSame(statuses, [true, false]);
});

t.test('it opens our protected keys', stock, async (t) => {
  const folder = t.testdir({ message: MESSAGE });
  const key = newKey();
  const rows: [what: string, scrypt: ScryptLimits][] = [
    ['the least that libsodium names', LEAST_SCRYPT],
    ['two rounds', { ops: 1_048_576, memoryBytes: 16_777_216 }],
    ['numbers that are no powers of two', { ops: 100_000, memoryBytes: 20_000_000 }],
  ];
  for (const [what, scrypt] of rows) {
    const options = {
      password: Buffer.from('päss word'),
      salt: chance.bytes(32),
      scrypt,
    };
    writeFileSync(`${folder}/a.key`, encodeSecretKeyFile(key, options));
    await stockSign(`${folder}/message`, `${folder}/a.key`, { password: 'päss word' });
    const done = await stockVerify(`${folder}/message`, publicKeyLine(key.publicKey));
    t.equal(done.status, 0, what);
  }
});

t.test(
  'it takes the password off our protected key, and we read what it leaves',
  stock,
  async (t) => {
    const folder = t.testdir();
    const key = newKey();
    const options = {
      password: Buffer.from('pw'),
      salt: chance.bytes(32),
      scrypt: LEAST_SCRYPT,
    };
    writeFileSync(`${folder}/a.key`, encodeSecretKeyFile(key, options));
    const done = await run('minisign', ['-C', '-W', '-s', `${folder}/a.key`], {
      input: 'pw\n',
    });
    t.equal(done.status, 0, done.stderr);
    t.strictSame(parseSecretKeyFile(readFileSync(`${folder}/a.key`)), key);
  },
);

// Twice a gigabyte and some seconds: the parameters that people's own keys have.
t.test('we open its protected key', stock, async (t) => {
  const folder = t.testdir();
  const made = await makeStockKey(folder, 'a', 'päss word');
  const secret = parseSecretKeyFile(
    readFileSync(made.secretKey),
    Buffer.from('päss word'),
  );
  t.strictSame(secret.publicKey, parsePublicKeyFile(readFileSync(made.publicKey)).key);
});

t.test('its legacy signatures are refused', stock, async (t) => {
  const folder = t.testdir({ message: MESSAGE });
  const made = await makeStockKey(folder, 'a');
  const file = await stockSign(`${folder}/message`, made.secretKey, { legacy: true });
  t.equal(refusal(() => parseSignatures(readFileSync(file))).code, 'signature');
  t.not(
    (await stockVerify(`${folder}/message`, made.publicKey)).status,
    0,
    'by it with -H too',
  );
});
