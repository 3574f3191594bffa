import t from 'tap';
import { QxError } from '../../../client/format/error.ts';
import { LEAST_SCRYPT } from '../../../client/format/minisign/scrypt.ts';
import {
  encodePublicKeyFile,
  parsePublicKeyFile,
  parsePublicKeyLine,
  publicKeyLine,
} from '../../../client/format/minisign/public-key.ts';
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
  type SignatureBlock,
} from '../../../client/format/minisign/signature.ts';
import { mutate, seeded } from '../../support/seeded.ts';

/**
 * Seeded accidents to valid bytes: a parser returns a value that it can write and read again, or throws
 * QxError; and no verification passes that should not.
 */
const SEED = Number(process.env.QX_TEST_SEED) || 20_260_131;
const chance = seeded(SEED);

const KEY = makeSecretKey(chance.bytes(8), chance.bytes(32));
const MESSAGE = Buffer.from('{"type": "pointer", "serial": 7}\n');
const BLOCK = sign(KEY, MESSAGE, {
  trustedComment: 'timestamp:1767225600\tfile:stable.json',
});
const LATIN1 = sign(KEY, MESSAGE, { trustedComment: Buffer.from('ff0bfe80', 'hex') });

/** The value, or null when it was refused as it should be; any other error fails the test. */
function attempt<T>(action: () => T): T | null {
  try {
    return action();
  } catch (error) {
    if (error instanceof QxError && error.code !== 'defect') return null;
    throw error;
  }
}

/** What verification reads of a block. */
const signedPart = ({
  idBytes,
  signature,
  globalSignature,
  trustedComment,
}: SignatureBlock): string =>
  Buffer.concat([idBytes, signature, globalSignature, trustedComment]).toString('hex');

t.test(`a mutated signature is refused, seed ${SEED}`, (t) => {
  const originals = [BLOCK, LATIN1];
  const bytes = encodeSignatures(originals);
  const genuine = new Set(originals.map(signedPart));
  let parsed = 0;
  for (let round = 0; round < 1200; round += 1) {
    const mutant = mutate(bytes, chance);
    const blocks = attempt(() => parseSignatures(mutant));
    if (blocks === null) continue;
    parsed += 1;
    if (
      !parseSignatures(encodeSignatures(blocks)).every((block, i) =>
        same(block, blocks[i]),
      )
    ) {
      t.fail(`round ${round}: not read back as written: ${mutant.toString('base64')}`);
    }
    for (const block of blocks) {
      if (verifyBlock(block, KEY.publicKey, MESSAGE) !== genuine.has(signedPart(block))) {
        t.fail(`round ${round}: a mutant verifies: ${mutant.toString('base64')}`);
      }
    }
  }
  t.ok(parsed > 100, `${parsed} of 1200 were still signatures`);
  t.end();
});

function same(a: SignatureBlock, b: SignatureBlock | undefined): boolean {
  if (b === undefined || signedPart(a) !== signedPart(b)) return false;
  return a.untrustedComment.equals(b.untrustedComment);
}

t.test(`a mutated message is refused, seed ${SEED}`, (t) => {
  for (let round = 0; round < 400; round += 1) {
    const mutant = mutate(MESSAGE, chance);
    if (verifyBlock(BLOCK, KEY.publicKey, mutant)) {
      t.fail(`round ${round}: ${mutant.toString('base64')}`);
    }
  }
  t.ok(verifyBlock(BLOCK, KEY.publicKey, MESSAGE));
  t.end();
});

t.test(`a mutated public key verifies nothing, seed ${SEED}`, (t) => {
  const line = publicKeyLine(KEY.publicKey);
  let parsed = 0;
  for (let round = 0; round < 300; round += 1) {
    const mutant = mutate(Buffer.from(line), chance).toString('latin1');
    const key = attempt(() => parsePublicKeyLine(mutant));
    if (key === null) continue;
    parsed += 1;
    t.equal(publicKeyLine(key), mutant);
    if (verifyBlock(BLOCK, key, MESSAGE)) t.fail(`round ${round}: ${mutant}`);
  }
  t.ok(parsed > 20, `${parsed} of 300 were still keys`);
  const file = encodePublicKeyFile(KEY.publicKey);
  for (let round = 0; round < 300; round += 1) {
    const mutant = mutate(file, chance);
    const read = attempt(() => parsePublicKeyFile(mutant));
    if (read !== null && verifyBlock(BLOCK, read.key, MESSAGE)) {
      t.strictSame(read.key, KEY.publicKey, 'only its comment or white space changed');
    }
  }
  t.end();
});

t.test(`a mutated secret key is the same secret or none, seed ${SEED}`, (t) => {
  const plain = encodeSecretKeyFile(KEY, {});
  const password = Buffer.from('pw');
  const salt = chance.bytes(32);
  const protectedFile = encodeSecretKeyFile(KEY, {
    password,
    salt,
    scrypt: LEAST_SCRYPT,
  });
  for (let round = 0; round < 300; round += 1) {
    const mutant = mutate(plain, chance);
    const key = attempt(() => parseSecretKeyFile(mutant));
    if (key !== null) t.strictSame(key.seed, KEY.seed, `round ${round}`);
  }
  for (let round = 0; round < 100; round += 1) {
    const mutant = mutate(protectedFile, chance);
    if (asksForMuch(mutant)) continue;
    const key = attempt(() => parseSecretKeyFile(mutant, password));
    if (key !== null) t.strictSame(key, KEY, `round ${round}`);
  }
  t.end();
});

/** Parameters that are allowed and cost seconds: other tests pay for these. */
function asksForMuch(file: Buffer): boolean {
  const raw = Buffer.from(file.toString('latin1').split('\n')[1] ?? '', 'base64');
  return raw.length >= 54 && raw.readBigUInt64LE(38) > BigInt(LEAST_SCRYPT.ops) * 32n;
}
