import { QxError } from '../../client/format/error.ts';
import { LIMITS } from '../../client/format/limits.ts';
import {
  type SignatureBlock,
  encodeSignatures,
  parseSignatures,
  unite,
} from '../../client/format/minisign/signature.ts';
import { sideSignaturePath, signaturePath } from '../../client/format/tree.ts';
import { sha256Of } from './digest.ts';
import type { Tree } from './tree.ts';

/** The blocks in one .minisig file of the tree; none where there is none. */
export async function readBlocks(tree: Tree, path: string): Promise<SignatureBlock[]> {
  const bytes = await tree.read(path, LIMITS.signatureBytes);
  return bytes === null ? [] : parseSignatures(bytes, path);
}

/** The blocks of `signatures/<digest of bytes>.minisig`. */
export function blocksOf(tree: Tree, bytes: Uint8Array): Promise<SignatureBlock[]> {
  return readBlocks(tree, signaturePath(sha256Of(bytes)));
}

/**
 * A pointer's blocks from both places, as a host unites them. A side signature that cannot be read
 * counts as none: after an edit it is of other bytes anyway.
 */
export async function pointerBlocks(
  tree: Tree,
  product: string,
  channel: string,
  bytes: Uint8Array,
): Promise<SignatureBlock[]> {
  const side = await readBlocks(tree, sideSignaturePath(product, channel)).catch(
    ignoreMalformed,
  );
  return unite(await blocksOf(tree, bytes), side);
}

export async function writeBlocks(
  tree: Tree,
  path: string,
  blocks: readonly SignatureBlock[],
): Promise<void> {
  await tree.write(path, encodeSignatures([...blocks]));
}

function ignoreMalformed(error: unknown): SignatureBlock[] {
  if (
    error instanceof QxError &&
    (error.code === 'malformed' || error.code === 'signature')
  )
    return [];
  throw error;
}
