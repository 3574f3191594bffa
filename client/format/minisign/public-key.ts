import { QxError, printable } from '../error.ts';
import { LIMITS } from '../limits.ts';
import { decodeBase64 } from './base64.ts';
import {
  checkUntrustedComment,
  commentOf,
  splitLines,
  UNTRUSTED_PREFIX,
} from './lines.ts';
import { isWeakPublicKey } from './small-order.ts';

export interface PublicKey {
  /** 16 upper-case hex digits, the most significant byte first: as minisign prints it. */
  id: string;
  /** 8 bytes in the order of the file. */
  idBytes: Buffer;
  /** 32 bytes. */
  bytes: Buffer;
}

const ALGORITHM = 'Ed';

/** How a key id and a public key line look; whether the line is a key, parsePublicKeyLine says. */
export const KEY_ID = /^[0-9A-F]{16}$/;
export const PUBLIC_KEY_LINE = /^RW[0-9A-Za-z+/]{54}$/;

/** The printed form of a key id: bytes 1f e8 … e7 are "E7…E81F", leading zeros kept. */
export function keyIdOf(idBytes: Uint8Array): string {
  return Buffer.from(idBytes).reverse().toString('hex').toUpperCase();
}

/**
 * The 56 characters "RW…": `Ed`, key id (8 bytes), key (32 bytes).
 * Throws QxError `malformed`; also for a key of small order, which verifies without a secret.
 */
export function parsePublicKeyLine(line: string, what = 'public key'): PublicKey {
  const raw = decodeBase64(line, 42);
  if (raw === null || raw.toString('latin1', 0, 2) !== ALGORITHM) {
    throw new QxError('malformed', `${what}: not a minisign public key`, {
      expected: '56 characters of base64 that begin "RW"',
      found: printable(line, 60),
    });
  }
  const bytes = raw.subarray(10);
  if (isWeakPublicKey(bytes)) {
    throw new QxError(
      'malformed',
      `${what}: a weak public key that anybody can sign for`,
      {
        found: printable(line, 60),
      },
    );
  }
  const idBytes = raw.subarray(2, 10);
  return { id: keyIdOf(idBytes), idBytes, bytes };
}

/** "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3" */
export function publicKeyLine(key: PublicKey): string {
  return Buffer.concat([Buffer.from(ALGORITHM), key.idBytes, key.bytes]).toString(
    'base64',
  );
}

/** A `.pub` file; the comment says nothing that may be relied on. Throws QxError `malformed`. */
export function parsePublicKeyFile(
  bytes: Uint8Array,
  what = 'public key',
): { comment: string; key: PublicKey } {
  const lines = splitLines(bytes, LIMITS.publicKeyBytes, what);
  const comment = commentOf(lines[0], UNTRUSTED_PREFIX, what);
  if (lines.length !== 2) {
    throw new QxError('malformed', `${what}: not two lines`, {
      found: `${lines.length} lines`,
    });
  }
  return { comment: comment.toString(), key: parsePublicKeyLine(lines[1] ?? '', what) };
}

/** A `.pub` file as minisign writes it. */
export function encodePublicKeyFile(
  key: PublicKey,
  comment = `minisign public key ${key.id}`,
): Buffer {
  const checked = checkUntrustedComment(Buffer.from(comment), 'public key');
  return Buffer.from(`${UNTRUSTED_PREFIX}${checked.toString()}\n${publicKeyLine(key)}\n`);
}
