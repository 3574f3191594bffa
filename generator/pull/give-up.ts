import { QxError } from '../../client/format/error.ts';
import { LIMITS } from '../../client/format/limits.ts';
import { type Manifest, parseManifest } from '../../client/format/manifest.ts';
import { manifestPath, signaturePath } from '../../client/format/tree.ts';
import type { Survey } from '../check/survey.ts';
import type { Tree } from '../tree/tree.ts';

/**
 * Removes the manifests of this tree that cannot stand beside the served ones: another one of the same
 * version and architecture, or of another version with the same release number. Gives how many.
 */
export async function giveUp(tree: Tree, { manifests }: Survey): Promise<number> {
  const served = new Set(manifests.map(({ sha256 }) => sha256));
  let count = 0;
  for (const name of await tree.list('manifests')) {
    const sha256 = name.replace(/\.json$/, '');
    if (!/^[0-9a-f]{64}$/.test(sha256) || served.has(sha256)) continue;
    const ours = await readOurs(tree, sha256);
    if (ours === null || !manifests.some(({ manifest }) => stands(manifest, ours)))
      continue;
    await tree.remove(signaturePath(sha256));
    await tree.remove(manifestPath(sha256));
    count += 1;
  }
  return count;
}

async function readOurs(tree: Tree, sha256: string): Promise<Manifest | null> {
  const bytes = await tree.read(manifestPath(sha256), LIMITS.manifestBytes);
  if (bytes === null) return null;
  try {
    return parseManifest(bytes);
  } catch (error) {
    if (error instanceof QxError) return null;
    throw error;
  }
}

function stands(theirs: Manifest, ours: Manifest): boolean {
  if (theirs.product !== ours.product) return false;
  if (theirs.version !== ours.version) return theirs.release === ours.release;
  return theirs.arch === ours.arch || theirs.release !== ours.release;
}
