import { parseStrictJson } from '../../client/format/strict-json.ts';
import { objectPath } from '../../client/format/tree.ts';
import { QxError } from '../../client/format/error.ts';
import type { Tree } from '../tree/tree.ts';

const DELTA_BYTES_MAX = 4 * 1024;

export interface Delta {
  path: string;
  target: string;
  /** Path of the patch itself; null where the file does not say. */
  object: string | null;
}

/** Every patch between two contents that the tree offers. */
export async function listDeltas(tree: Tree): Promise<Delta[]> {
  const deltas: Delta[] = [];
  for (const target of await tree.list('deltas')) {
    for (const name of await tree.list(`deltas/${target}`)) {
      const path = `deltas/${target}/${name}`;
      deltas.push({ path, target, object: await objectOf(tree, path) });
    }
  }
  return deltas;
}

async function objectOf(tree: Tree, path: string): Promise<string | null> {
  const bytes = await tree.read(path, DELTA_BYTES_MAX);
  if (bytes === null) return null;
  try {
    const raw = parseStrictJson(bytes, 'delta', DELTA_BYTES_MAX) as { sha256?: unknown };
    const { sha256 } = raw;
    const isDigest = typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256);
    return isDigest ? objectPath(sha256) : null;
  } catch (error) {
    if (error instanceof QxError) return null;
    throw error;
  }
}
