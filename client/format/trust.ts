import { QxError } from './error.ts';
import { parsePublicKeyLine } from './minisign/public-key.ts';
import { verifyBlock, type SignatureBlock } from './minisign/signature.ts';
import { keyLineOf, keysOfRole, parseRoot, type Role, type Root } from './root.ts';

/**
 * The ids of the keys of `role` that signed `message`, in the order of the root.
 * Each public key counts once, however many blocks it made.
 *
 * Throws QxError `signature` below the threshold, with what the blocks are instead.
 */
export function verifyRole(
  root: Root,
  role: string,
  message: Uint8Array,
  blocks: readonly SignatureBlock[],
  where?: string,
): string[] {
  const wanted = Object.hasOwn(root.roles, role) ? root.roles[role] : undefined;
  if (wanted === undefined)
    throw new QxError('defect', `the root has no role "${role}"`, { where });
  const signers = new Map<string, string>();
  for (const key of keysOfRole(root, wanted)) {
    const signed = blocks.some((block) => verifyBlock(block, key, message));
    if (signed) signers.set(key.bytes.toString('hex'), key.id);
  }
  const ids = [...signers.values()];
  if (ids.length >= wanted.threshold) return ids;
  throw new QxError('signature', `too few valid signatures for the role "${role}"`, {
    where,
    expected: `${wanted.threshold} of [${wanted.keys.join(', ')}]`,
    found: describeBlocks(root, wanted, message, blocks),
    hint: 'the publisher signs with the missing ones; "qx-update trust show" has the keys that a host believes',
  });
}

/** The root that a host is given with its image or its configuration: taken as it is. */
export function firstRoot(bytes: Uint8Array, where?: string): Root {
  return parseRoot(bytes, where);
}

/**
 * The root that follows `trusted`: version one higher, same repository, signed by the thresholds of both.
 *
 * Throws QxError `signature`, `rollback` (another version), `malformed` or `too-new`.
 */
export function nextRoot(
  trusted: Root,
  bytes: Uint8Array,
  blocks: readonly SignatureBlock[],
  where?: string,
): Root {
  verifyRole(trusted, 'root', bytes, blocks, where);
  const next = parseRoot(bytes, where);
  if (next.repository !== trusted.repository) {
    throw new QxError('malformed', 'root: of another repository', {
      where,
      expected: trusted.repository,
      found: next.repository,
    });
  }
  if (next.version !== trusted.version + 1) {
    throw new QxError('rollback', 'root: not the version that follows the trusted one', {
      where,
      expected: `version ${trusted.version + 1}`,
      found: `version ${next.version}`,
    });
  }
  verifyRole(next, 'root', bytes, blocks, where);
  return next;
}

function describeBlocks(
  root: Root,
  wanted: Role,
  message: Uint8Array,
  blocks: readonly SignatureBlock[],
): string {
  if (blocks.length === 0) return 'no signature';
  const said = blocks.map(
    (block) => `${block.keyId} ${describeBlock(root, wanted, message, block)}`,
  );
  return [...new Set(said)].slice(0, 8).join('; ');
}

function describeBlock(
  root: Root,
  wanted: Role,
  message: Uint8Array,
  block: SignatureBlock,
): string {
  const line = keyLineOf(root, block.keyId);
  if (line === undefined) return 'is not a key of this root';
  if (!verifyBlock(block, parsePublicKeyLine(line), message))
    return 'did not sign these bytes';
  if (wanted.keys.includes(block.keyId)) return 'signed';
  const others = Object.entries(root.roles).filter(([, { keys }]) =>
    keys.includes(block.keyId),
  );
  const names = others.map(([name]) => `"${name}"`);
  if (names.length === 0) return 'signed, but belongs to no role';
  return `signed, but belongs to ${names.join(' and ')}`;
}
