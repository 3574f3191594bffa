import { QxError } from '../../client/format/error.ts';
import { LIMITS } from '../../client/format/limits.ts';
import { parsePublicKeyLine } from '../../client/format/minisign/public-key.ts';
import {
  type SignatureBlock,
  parseSignatures,
  verifyBlock,
} from '../../client/format/minisign/signature.ts';
import { type Root, keyLineOf } from '../../client/format/root.ts';
import { verifyRole } from '../../client/format/trust.ts';
import type { Source } from '../../client/reader/source.ts';
import type { Problems } from './problems.ts';

/**
 * A threshold that is met hides a damaged block beside it: each block is looked at by itself. What was signed
 * again after a new root still bears the blocks of keys that went, for hosts that have not walked on.
 */
export function checkBlocks(
  roots: readonly Root[],
  bytes: Uint8Array,
  blocks: readonly SignatureBlock[],
  where: string,
  problems: Problems,
): void {
  for (const block of blocks) {
    const line = roots
      .map((root) => keyLineOf(root, block.keyId))
      .find((known) => known !== undefined);
    if (line === undefined) {
      problems.warn('signature', 'a signature by a key that no trust root lists', {
        where,
        found: block.keyId,
      });
    } else if (!verifyBlock(block, parsePublicKeyLine(line), bytes)) {
      problems.error('signature', 'a signature that is not of these bytes', {
        where,
        expected: `made by ${block.keyId}, as it says`,
        found: 'damaged, or of another file',
        hint: 'sign the file again',
      });
    }
  }
}

/** Bytes of a .minisig file; null where there is none. */
export async function signatureBytes(
  source: Source,
  path: string,
): Promise<Buffer | null> {
  const options = { maxBytes: LIMITS.signatureBytes, fresh: true };
  const fetched = await source.get(path, options);
  return fetched.status === 'found' ? fetched.bytes : null;
}

/** True when this signature file alone meets the threshold of a role. */
export function meets(
  root: Root,
  role: string,
  message: Uint8Array,
  file: Uint8Array,
): boolean {
  try {
    return verifyRole(root, role, message, parseSignatures(file)).length > 0;
  } catch (error) {
    if (error instanceof QxError) return false;
    throw error;
  }
}
