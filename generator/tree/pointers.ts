import { QxError } from '../../client/format/error.ts';
import { LIMITS } from '../../client/format/limits.ts';
import { type Pointer, parsePointer } from '../../client/format/pointer.ts';
import { type Root, channelRole } from '../../client/format/root.ts';
import { pointerPath } from '../../client/format/tree.ts';
import { verifyRole } from '../../client/format/trust.ts';
import { sha256Of } from './digest.ts';
import { pointerBlocks } from './signatures.ts';
import type { Tree } from './tree.ts';

export interface StoredPointer {
  product: string;
  channel: string;
  /** Relative to the tree. */
  path: string;
  bytes: Buffer;
  sha256: string;
  /** Null when the file is not a whole pointer of this place, as after an edit by hand. */
  pointer: Pointer | null;
  /** Why it is not, or why its signatures do not count. */
  problem: QxError | null;
  /** Key ids; empty below the threshold. */
  signers: string[];
}

/** `[product, channel]` of every pointer file, sorted. */
export async function listPointers(tree: Tree): Promise<[string, string][]> {
  const found: [string, string][] = [];
  for (const product of await tree.list('channels')) {
    for (const name of await tree.list(`channels/${product}`)) {
      const channel = /^([a-z0-9][a-z0-9._-]*)\.json$/.exec(name)?.[1];
      if (channel !== undefined) found.push([product, channel]);
    }
  }
  return found;
}

/** One pointer with what is wrong with it; null where the channel has none. Throws for a failing disk only. */
export async function readPointer(
  tree: Tree,
  root: Root,
  product: string,
  channel: string,
): Promise<StoredPointer | null> {
  const path = pointerPath(product, channel);
  const bytes = await tree.read(path, LIMITS.pointerBytes);
  if (bytes === null) return null;
  const stored = { product, channel, path, bytes, sha256: sha256Of(bytes) };
  let pointer: Pointer | null = null;
  try {
    pointer = parsePlaced(bytes, path, root.repository, product, channel);
    const blocks = await pointerBlocks(tree, product, channel, bytes);
    const signers = verifyRole(root, channelRole(root, channel), bytes, blocks, path);
    return { ...stored, pointer, problem: null, signers };
  } catch (problem) {
    if (!(problem instanceof QxError)) throw problem;
    return { ...stored, pointer, problem, signers: [] };
  }
}

function parsePlaced(
  bytes: Buffer,
  path: string,
  repository: string,
  product: string,
  channel: string,
): Pointer {
  const pointer = parsePointer(bytes, path);
  const expected = `${repository} ${product}/${channel}`;
  const found = `${pointer.repository} ${pointer.product}/${pointer.channel}`;
  if (found === expected) return pointer;
  throw new QxError('malformed', 'a pointer in the place of another', {
    where: path,
    expected,
    found,
  });
}
