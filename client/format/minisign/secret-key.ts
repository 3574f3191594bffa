import { QxError, printable } from '../error.ts';
import { LIMITS } from '../limits.ts';
import { decodeBase64 } from './base64.ts';
import { blake2b } from './blake2b.ts';
import { publicKeyOfSeed } from './ed25519.ts';
import {
  checkUntrustedComment,
  commentOf,
  splitLines,
  UNTRUSTED_PREFIX,
} from './lines.ts';
import { keyIdOf, type PublicKey } from './public-key.ts';
import { deriveStream, isAllowed, STOCK_SCRYPT, type ScryptLimits } from './scrypt.ts';

export interface SecretKey {
  /** 16 upper-case hex digits, as minisign prints it. */
  id: string;
  /** 8 bytes in the order of the file. */
  idBytes: Buffer;
  /** 32 bytes; the secret itself. */
  seed: Buffer;
  publicKey: PublicKey;
}

/*
 * A secret key file holds 158 bytes of base64:
 *   0 "Ed"   2 "Sc" or 0 0   4 "B2"   6 salt (32)   38 ops (LE64)   46 memory (LE64)
 *   54 key id (8), seed (32), public key (32), BLAKE2b-256 of "Ed" and those three (32)
 * With "Sc" the last 104 bytes are XORed with scrypt(password, salt).
 */
const LENGTH = 158;
const BODY = 54;
const BODY_LENGTH = 104;
const CHECKSUM = 72;
const NO_KDF = '\0\0';
const SCRYPT = 'Sc';

/** A key from 8 random bytes for its id and 32 random bytes. */
export function makeSecretKey(idBytes: Buffer, seed: Buffer): SecretKey {
  if (idBytes.length !== 8 || seed.length !== 32) {
    throw new QxError('defect', 'a key is made of 8 and 32 bytes');
  }
  const id = keyIdOf(idBytes);
  return { id, idBytes, seed, publicKey: { id, idBytes, bytes: publicKeyOfSeed(seed) } };
}

/** Whether a password is needed to read this secret key file. Throws QxError `malformed`. */
export function isEncrypted(bytes: Uint8Array, what = 'secret key'): boolean {
  return kdfOf(parseRaw(bytes, what)) === SCRYPT;
}

/**
 * Throws QxError `malformed` (not a secret key, scrypt parameters out of bounds) or
 * `config` (the password is missing or wrong). No message holds any part of the key.
 */
export function parseSecretKeyFile(
  bytes: Uint8Array,
  password?: Uint8Array,
  what = 'secret key',
): SecretKey {
  const raw = parseRaw(bytes, what);
  if (kdfOf(raw) === NO_KDF) {
    const key = openBody(raw.subarray(BODY));
    if (key !== null) return key;
    throw new QxError(
      'malformed',
      `${what}: its two halves or its checksum do not agree`,
    );
  }
  const limits = scryptLimitsOf(raw, what);
  if (password === undefined) {
    throw new QxError('config', `${what}: protected by a password, and none was given`);
  }
  const stream = deriveStream(password, raw.subarray(6, 38), limits, BODY_LENGTH);
  const key = openBody(xor(raw.subarray(BODY), stream));
  if (key !== null) return key;
  throw new QxError('config', `${what}: the password does not fit`);
}

function parseRaw(bytes: Uint8Array, what: string): Buffer {
  const lines = linesOf(bytes, what);
  const raw = decodeBase64(lines[1] ?? '', LENGTH);
  if (lines.length !== 2 || raw === null || !isKnown(raw)) {
    throw new QxError('malformed', `${what}: not a minisign secret key`, {
      expected: `a comment and one line of base64 (${LENGTH} bytes)`,
    });
  }
  return raw;
}

/** The refusal of a line would show it. */
function linesOf(bytes: Uint8Array, what: string): string[] {
  try {
    const lines = splitLines(bytes, LIMITS.secretKeyBytes, what);
    commentOf(lines[0], UNTRUSTED_PREFIX, what);
    return lines;
  } catch (error) {
    if (!(error instanceof QxError)) throw error;
    throw new QxError(error.code, error.message, { expected: error.expected });
  }
}

function isKnown(raw: Buffer): boolean {
  return (
    raw.toString('latin1', 0, 2) === 'Ed' &&
    raw.toString('latin1', 4, 6) === 'B2' &&
    [SCRYPT, NO_KDF].includes(kdfOf(raw))
  );
}

function kdfOf(raw: Buffer): string {
  return raw.toString('latin1', 2, 4);
}

function scryptLimitsOf(raw: Buffer, what: string): ScryptLimits {
  const limits = {
    ops: Number(raw.readBigUInt64LE(38)),
    memoryBytes: Number(raw.readBigUInt64LE(46)),
  };
  if (isAllowed(limits)) return limits;
  throw new QxError('malformed', `${what}: scrypt parameters out of bounds`, {
    expected: `at most ${STOCK_SCRYPT.ops} operations and ${STOCK_SCRYPT.memoryBytes} bytes`,
    found: printable(`${limits.ops} operations and ${limits.memoryBytes} bytes`),
  });
}

/** Null when the parts do not agree. `minisign -G -W` writes no checksum, `-C -W` writes one. */
function openBody(body: Buffer): SecretKey | null {
  const key = makeSecretKey(
    Buffer.from(body.subarray(0, 8)),
    Buffer.from(body.subarray(8, 40)),
  );
  const checksum = body.subarray(CHECKSUM);
  const checked = checksum.equals(Buffer.alloc(32)) || checksum.equals(checksumOf(body));
  return checked && key.publicKey.bytes.equals(body.subarray(40, CHECKSUM)) ? key : null;
}

function checksumOf(body: Buffer): Buffer {
  return blake2b(Buffer.concat([Buffer.from('Ed'), body.subarray(0, CHECKSUM)]), 32);
}

export interface SecretKeyFileOptions {
  password?: Uint8Array | undefined;
  /** 32 random bytes, needed with a password. */
  salt?: Buffer | undefined;
  comment?: string | undefined;
  /** What reading the file shall cost; minisign's own costs 1 GiB and some seconds. */
  scrypt?: ScryptLimits | undefined;
}

/** A secret key file that minisign reads too; as `minisign -G -W` writes it when there is no password. */
export function encodeSecretKeyFile(
  key: SecretKey,
  options: SecretKeyFileOptions,
): Buffer {
  const comment = options.comment ?? 'minisign encrypted secret key';
  const { password, salt } = options;
  const raw =
    password === undefined ? plain(key) : encrypted(key, password, salt, options.scrypt);
  const checked = checkUntrustedComment(Buffer.from(comment), 'secret key');
  return Buffer.from(
    `${UNTRUSTED_PREFIX}${checked.toString()}\n${raw.toString('base64')}\n`,
  );
}

function plain(key: SecretKey): Buffer {
  const raw = Buffer.alloc(LENGTH);
  raw.write(`Ed${NO_KDF}B2`, 'latin1');
  Buffer.concat([key.idBytes, key.seed, key.publicKey.bytes]).copy(raw, BODY);
  return raw;
}

function encrypted(
  key: SecretKey,
  password: Uint8Array,
  salt: Buffer | undefined,
  limits = STOCK_SCRYPT,
): Buffer {
  if (salt?.length !== 32 || !isAllowed(limits)) {
    throw new QxError(
      'defect',
      'a protected key needs 32 bytes of salt and allowed limits',
    );
  }
  if (password.length === 0) throw new QxError('config', 'the password is empty');
  const raw = plain(key);
  raw.write(SCRYPT, 2, 'latin1');
  salt.copy(raw, 6);
  raw.writeBigUInt64LE(BigInt(limits.ops), 38);
  raw.writeBigUInt64LE(BigInt(limits.memoryBytes), 46);
  const body = raw.subarray(BODY);
  checksumOf(body).copy(body, CHECKSUM);
  xor(body, deriveStream(password, salt, limits, BODY_LENGTH)).copy(body);
  return raw;
}

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((byte, index) => byte ^ (b[index] ?? 0)));
}
