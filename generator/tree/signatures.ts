import { QxError } from '../../client/format/error.ts';
import { LIMITS } from '../../client/format/limits.ts';
import { parsePublicKeyLine } from '../../client/format/minisign/public-key.ts';
import {
  type SignatureBlock,
  encodeSignatures,
  parseSignatures,
  unite,
  verifyBlock,
} from '../../client/format/minisign/signature.ts';
import { type Root, keyLineOf } from '../../client/format/root.ts';
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

/**
 * Signs a document that lies in the tree: what stands in its file stays behind the fresh blocks, as long as it is
 * by keys of another root (hosts that have not walked on need it) or true. So a re-signed document suffices
 * under the old root and under the new one.
 */
export async function addBlocks(
  tree: Tree,
  path: string,
  root: Root,
  bytes: Uint8Array,
  fresh: readonly SignatureBlock[],
): Promise<void> {
  const standing = await readBlocks(tree, path).catch(ignoreMalformed);
  const kept = standing.filter((block) => {
    const line = keyLineOf(root, block.keyId);
    return line === undefined || verifyBlock(block, parsePublicKeyLine(line), bytes);
  });
  await writeBlocks(tree, path, unite(fresh, kept).slice(0, LIMITS.signatureBlocks));
}

function ignoreMalformed(error: unknown): SignatureBlock[] {
  if (
    error instanceof QxError &&
    (error.code === 'malformed' || error.code === 'signature')
  )
    return [];
  throw error;
}
