import { QxError } from '../../client/format/error.ts';
import { LIMITS } from '../../client/format/limits.ts';
import type { SignatureBlock } from '../../client/format/minisign/signature.ts';
import type { Root } from '../../client/format/root.ts';
import { manifestPath, signaturePath } from '../../client/format/tree.ts';
import type { Source } from '../../client/reader/source.ts';
import {
  type FindManifest,
  type FoundManifest,
  manifestsIn,
} from '../check/manifests.ts';
import { judge } from '../release/sign-document.ts';
import { sha256Of } from '../tree/digest.ts';
import { readBlocks } from '../tree/signatures.ts';
import type { Tree } from '../tree/tree.ts';

export interface FindCounts {
  /** Came over the network. */
  fetched: number;
  /** Were here, whole and with enough signatures. */
  kept: number;
}

/** A manifest that never changes is not fetched again: here first, then where it is pulled from. */
export function findHereFirst(
  tree: Tree,
  source: Source,
  root: Root,
  counts: FindCounts,
): FindManifest {
  const there = manifestsIn(source);
  return async (sha256) => {
    const here = await findHere(tree, root, sha256);
    counts[here === null ? 'fetched' : 'kept'] += 1;
    return here ?? there(sha256);
  };
}

async function findHere(
  tree: Tree,
  root: Root,
  sha256: string,
): Promise<FoundManifest | null> {
  const bytes = await tree.read(manifestPath(sha256), LIMITS.manifestBytes);
  if (bytes === null || sha256Of(bytes) !== sha256) return null;
  const blocks = await readableBlocks(tree, signaturePath(sha256));
  return judge(root, 'release', bytes, blocks).complete ? { bytes, blocks } : null;
}

/** The blocks of a signature file of this tree; none where it cannot be read. */
export async function readableBlocks(
  tree: Tree,
  path: string,
): Promise<SignatureBlock[]> {
  try {
    return await readBlocks(tree, path);
  } catch (error) {
    if (error instanceof QxError && error.code !== 'disk') return [];
    throw error;
  }
}
