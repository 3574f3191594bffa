import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { QxError } from '../../../client/format/error.ts';
import {
  encodePublicKeyFile,
  parsePublicKeyFile,
} from '../../../client/format/minisign/public-key.ts';
import { LEAST_SCRYPT } from '../../../client/format/minisign/scrypt.ts';
import {
  encodeSecretKeyFile,
  makeSecretKey,
  parseSecretKeyFile,
  type SecretKey,
} from '../../../client/format/minisign/secret-key.ts';
import {
  encodeSignatures,
  parseSignatures,
  sign,
  type SignatureBlock,
  verifyBlock,
} from '../../../client/format/minisign/signature.ts';
import { parseRoot } from '../../../client/format/root.ts';
import { verifyRole } from '../../../client/format/trust.ts';
import { accepted } from '../../support/documents.ts';
import { mutateBytes, mutateLines } from '../../support/mutate.ts';
import { type Chance, mutate, seeded } from '../../support/seeded.ts';
import { Fault, type Target } from '../engine.ts';
import { mutateDocument } from './documents.ts';

/** The secret keys of the vectors are made of their names. */
function vectorKey(name: string): SecretKey {
  const digest = (what: string): Buffer =>
    createHash('sha256').update(`vector ${what} ${name}`).digest();
  return makeSecretKey(digest('id').subarray(0, 8), digest('key'));
}

const ROOT = parseRoot(accepted('root-full'));
const ROLE = 'channel/stable';
const BODY = accepted('pointer-full');
const KEYS = ['channel-a', 'channel-b'].map(vectorKey);
const KEY = KEYS[0] as SecretKey;
const BLOCKS = KEYS.map((key, index) =>
  sign(key, BODY, {
    untrustedComment: 'by a test',
    trustedComment: index === 0 ? 'time:1769860800' : Buffer.from('ff0bfe80', 'hex'),
  }),
);
const SIGNATURES = encodeSignatures(BLOCKS);
const PUBLIC_KEY = encodePublicKeyFile(KEY.publicKey);
const PASSWORD = Buffer.from('pw');
const PLAIN_KEY = encodeSecretKeyFile(KEY, {});
const salt = seeded(1).bytes(32);
const PROTECTED_KEY = encodeSecretKeyFile(KEY, {
  password: PASSWORD,
  salt,
  scrypt: LEAST_SCRYPT,
});

/** Everything of a block that verification reads. */
function signedPart(block: SignatureBlock): string {
  const { idBytes, signature, trustedComment, globalSignature } = block;
  const parts = [idBytes, signature, trustedComment, globalSignature];
  return Buffer.concat(parts).toString('hex');
}

const GENUINE = new Set(BLOCKS.map(signedPart));

function mutateText(chance: Chance, original: Buffer): Buffer {
  const way = chance.below(4);
  if (way < 2) return mutate(original, chance);
  return (way === 2 ? mutateLines : mutateBytes)(chance, original, SIGNATURES);
}

/** Whatever happens to a file of signatures: those that still count are the ones that were made. */
const signatureFile: Target = {
  name: 'signature',
  codes: ['malformed', 'signature'],
  make: (chance) => mutateText(chance, SIGNATURES),
  judge: (input) => {
    const blocks = parseSignatures(input);
    if (!isDeepStrictEqual(parseSignatures(encodeSignatures(blocks)), blocks))
      throw new Fault('is written as another');
    for (const block of blocks) {
      const { signature, globalSignature } = block;
      if (signature.length !== 64 || globalSignature.length !== 64)
        throw new Fault('has a signature of another length');
      const signer = KEYS.find(({ id }) => id === block.keyId);
      if (signer === undefined) continue;
      if (verifyBlock(block, signer.publicKey, BODY) !== GENUINE.has(signedPart(block)))
        throw new Fault('a mutated block verifies, or a whole one does not');
    }
    verifyRole(ROOT, ROLE, BODY, blocks);
    if (blocks.filter((block) => GENUINE.has(signedPart(block))).length < KEYS.length)
      throw new Fault('the threshold was met without the signatures');
  },
};

/** A signed document after an accident: no signature of the original covers it. */
const signedBytes: Target = {
  name: 'signed-bytes',
  codes: ['signature'],
  make: (chance) => mutateDocument(chance, [BODY]),
  judge: (input) => {
    verifyRole(ROOT, ROLE, input, BLOCKS);
    if (!input.equals(BODY)) throw new Fault('is covered by signatures of the original');
  },
};

const publicKey: Target = {
  name: 'public-key',
  codes: ['malformed'],
  make: (chance) => mutateText(chance, PUBLIC_KEY),
  judge: (input) => {
    const { key, comment } = parsePublicKeyFile(input);
    if (!isDeepStrictEqual(parsePublicKeyFile(encodePublicKeyFile(key)).key, key))
      throw new Fault('is written as another');
    if (typeof comment !== 'string') throw new Fault('has no comment');
    const [block] = BLOCKS;
    const verifies = block !== undefined && verifyBlock(block, key, BODY);
    if (verifies !== isDeepStrictEqual(key, KEY.publicKey))
      throw new Fault('another key verifies, or the same one does not');
  },
};

/** A file that asks for seconds of scrypt may do so; other tests pay for these. */
function asksForMuch(file: Buffer): boolean {
  const raw = Buffer.from(file.toString('latin1').split('\n')[1] ?? '', 'base64');
  return raw.length >= 54 && raw.readBigUInt64LE(38) > BigInt(LEAST_SCRYPT.ops) * 4n;
}

const secretKey: Target = {
  name: 'secret-key',
  codes: ['malformed', 'config'],
  // A protected file costs a thousand times as much to open.
  make: (chance) => {
    const file = mutateText(chance, chance.below(50) === 0 ? PROTECTED_KEY : PLAIN_KEY);
    return asksForMuch(file) ? PLAIN_KEY : file;
  },
  judge: (input) => {
    const key = parsed(input);
    // Id and seed have no checksum in a file that `minisign -G -W` wrote; the seed must fit the public key.
    if (!key.seed.equals(KEY.seed)) throw new Fault('is another secret');
    if (!isDeepStrictEqual(parseSecretKeyFile(encodeSecretKeyFile(key, {})), key))
      throw new Fault('is written as another');
  },
};

/** No refusal says a part of the secret. */
function parsed(input: Buffer): SecretKey {
  try {
    return parseSecretKeyFile(input, PASSWORD);
  } catch (error) {
    if (!(error instanceof QxError)) throw error;
    const said = [error.message, error.where, error.expected, error.found].join(' ');
    if (/[A-Za-z0-9+/]{24}/.test(said)) throw new Fault(`shows the secret: ${said}`);
    throw error;
  }
}

export const signatureTargets: readonly Target[] = [
  signatureFile,
  signedBytes,
  publicKey,
  secretKey,
];
