import { createHash } from 'node:crypto';
import { QxError, printable } from '../error.ts';
import { LIMITS } from '../limits.ts';
import { decodeBase64 } from './base64.ts';
import { signEd25519, verifyEd25519 } from './ed25519.ts';
import {
  checkComment,
  checkUntrustedComment,
  commentOf,
  splitLines,
  TRUSTED_PREFIX,
  UNTRUSTED_PREFIX,
} from './lines.ts';
import { keyIdOf, type PublicKey } from './public-key.ts';
import type { SecretKey } from './secret-key.ts';

/** One signature: four lines of a `.minisig` file. Comments without their prefix, any bytes but NUL, CR, LF. */
export interface SignatureBlock {
  untrustedComment: Buffer;
  /** As minisign prints it. The id is not signed: it only says which key to try. */
  keyId: string;
  /** 8 bytes in the order of the file. */
  idBytes: Buffer;
  /** 64 bytes over the BLAKE2b-512 of the message. */
  signature: Buffer;
  trustedComment: Buffer;
  /** 64 bytes over `signature` followed by `trustedComment`. */
  globalSignature: Buffer;
}

/** What is signed: the bytes, or their BLAKE2b-512 where a caller computed it as they streamed past. */
export type Message = Uint8Array | { blake2b512: Buffer };

const PREHASHED = 'ED';
const LEGACY = 'Ed';
const LINES_PER_BLOCK = 4;

/**
 * 1 to 32 blocks one after the other.
 *
 * Throws QxError `malformed`, and `signature` for the legacy algorithm `Ed`: its bytes
 * would let one signature stand for two messages, a file and the digest of another.
 */
export function parseSignatures(bytes: Uint8Array, what = 'signature'): SignatureBlock[] {
  const lines = splitLines(bytes, LIMITS.signatureBytes, what);
  const count = lines.length / LINES_PER_BLOCK;
  if (!Number.isInteger(count) || count < 1 || count > LIMITS.signatureBlocks) {
    throw new QxError('malformed', `${what}: not a minisign signature`, {
      expected: `1 to ${LIMITS.signatureBlocks} blocks of four lines`,
      found: `${lines.length} lines`,
    });
  }
  return Array.from({ length: count }, (_, index) =>
    parseBlock(lines.slice(index * LINES_PER_BLOCK, (index + 1) * LINES_PER_BLOCK), what),
  );
}

function parseBlock(lines: string[], what: string): SignatureBlock {
  const untrustedComment = commentOf(lines[0], UNTRUSTED_PREFIX, what);
  const raw = decodeLine(lines[1], 74, what);
  checkAlgorithm(raw.toString('latin1', 0, 2), what);
  const idBytes = raw.subarray(2, 10);
  const trustedComment = commentOf(lines[2], TRUSTED_PREFIX, what);
  return {
    untrustedComment: checkUntrustedComment(untrustedComment, what),
    keyId: keyIdOf(idBytes),
    idBytes,
    signature: raw.subarray(10),
    trustedComment: checkTrustedComment(trustedComment, what),
    globalSignature: decodeLine(lines[3], 64, what),
  };
}

function decodeLine(line = '', length: number, what: string): Buffer {
  const raw = decodeBase64(line, length);
  if (raw !== null) return raw;
  throw new QxError(
    'malformed',
    `${what}: a line that is not base64 as minisign writes it`,
    {
      expected: `${length} bytes`,
      found: printable(line, 60),
    },
  );
}

function checkAlgorithm(algorithm: string, what: string): void {
  if (algorithm === PREHASHED) return;
  if (algorithm === LEGACY) {
    throw new QxError('signature', `${what}: the legacy algorithm is not accepted`, {
      expected: `algorithm "${PREHASHED}" (over the BLAKE2b-512)`,
      found: `algorithm "${LEGACY}"`,
      hint: 'sign again with minisign 0.10 or later and without -l',
    });
  }
  throw new QxError('malformed', `${what}: an unknown algorithm`, {
    expected: `"${PREHASHED}"`,
    found: printable(algorithm),
  });
}

function checkTrustedComment(comment: Uint8Array, what: string): Buffer {
  return checkComment(comment, LIMITS.trustedCommentBytes, what);
}

/** A `.minisig` file. QxError `malformed` for what parseSignatures would not read back. */
export function encodeSignatures(blocks: readonly SignatureBlock[]): Buffer {
  const bytes = Buffer.concat(blocks.map(encodeBlock));
  parseSignatures(bytes);
  return bytes;
}

function encodeBlock(block: SignatureBlock): Buffer {
  const signature = Buffer.concat([
    Buffer.from(PREHASHED),
    block.idBytes,
    block.signature,
  ]);
  const line = (prefix: string, rest: Uint8Array): Buffer[] => [
    Buffer.from(prefix),
    Buffer.from(rest),
    Buffer.from('\n'),
  ];
  return Buffer.concat([
    ...line(UNTRUSTED_PREFIX, block.untrustedComment),
    ...line('', Buffer.from(signature.toString('base64'))),
    ...line(TRUSTED_PREFIX, block.trustedComment),
    ...line('', Buffer.from(block.globalSignature.toString('base64'))),
  ]);
}

/** Signs as `minisign -S` does. QxError `malformed` for a comment that is not one line of bytes. */
export function sign(
  key: SecretKey,
  message: Message,
  options: { untrustedComment?: string; trustedComment: string | Uint8Array },
): SignatureBlock {
  const untrusted = options.untrustedComment ?? 'signature from minisign secret key';
  const trustedComment = checkTrustedComment(
    Buffer.from(options.trustedComment),
    'signature',
  );
  const signature = signEd25519(key.seed, digestOf(message));
  return {
    untrustedComment: checkUntrustedComment(Buffer.from(untrusted), 'signature'),
    keyId: key.id,
    idBytes: key.idBytes,
    signature,
    trustedComment,
    globalSignature: signEd25519(key.seed, Buffer.concat([signature, trustedComment])),
  };
}

/** Whether this key made this block for this message: key id, signature and trusted comment. */
export function verifyBlock(
  block: SignatureBlock,
  key: PublicKey,
  message: Message,
): boolean {
  return (
    block.idBytes.equals(key.idBytes) &&
    verifyEd25519(key.bytes, digestOf(message), block.signature) &&
    verifyEd25519(
      key.bytes,
      Buffer.concat([block.signature, block.trustedComment]),
      block.globalSignature,
    )
  );
}

/** The blocks of both in their order; one that says the same as an earlier one is left out. */
export function unite(
  a: readonly SignatureBlock[],
  b: readonly SignatureBlock[],
): SignatureBlock[] {
  const seen = new Set<string>();
  return [...a, ...b].filter((block) => {
    const part = signedPart(block);
    return !seen.has(part) && seen.add(part);
  });
}

/** All that verification reads; untrusted comments may differ. */
function signedPart(block: SignatureBlock): string {
  const parts = [
    block.idBytes,
    block.signature,
    block.globalSignature,
    block.trustedComment,
  ];
  return Buffer.concat(parts).toString('latin1');
}

function digestOf(message: Message): Buffer {
  if ('blake2b512' in message) return message.blake2b512;
  return createHash('blake2b512').update(message).digest();
}
