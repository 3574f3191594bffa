import { QxError } from '../../client/format/error.ts';
import { LIMITS } from '../../client/format/limits.ts';
import type { Root } from '../../client/format/root.ts';
import { rootPath } from '../../client/format/tree.ts';
import { firstRoot, nextRoot, verifyRole } from '../../client/format/trust.ts';
import { blocksOf } from './signatures.ts';
import type { Tree } from './tree.ts';

/**
 * The trust roots of the tree from 1 to the current one, each signed by the one before it and by itself.
 * QxError `config` where there is no root 1; `signature`, `malformed` or `rollback` for a broken chain.
 */
export async function rootChain(tree: Tree): Promise<Root[]> {
  const chain: Root[] = [];
  for (let version = 1; ; version += 1) {
    const path = rootPath(version);
    const bytes = await tree.read(path, LIMITS.rootBytes);
    if (bytes === null) break;
    const blocks = await blocksOf(tree, bytes);
    const trusted = chain.at(-1);
    const root =
      trusted === undefined
        ? firstRoot(bytes, path)
        : nextRoot(trusted, bytes, blocks, path);
    if (trusted === undefined) verifyRole(root, 'root', bytes, blocks, path);
    chain.push(root);
  }
  if (chain.length > 0) return chain;
  throw new QxError('config', 'the tree has no trust root yet', {
    where: `${tree.root}/${rootPath(1)}`,
    hint: 'put root, release and channel keys into keys/ (qx-repo keygen NAME) and run qx-repo init again',
  });
}

/**
 * The root that signatures are checked against now. QxError `malformed` when it is of another repository
 * than quantix-repo.toml says.
 */
export async function currentRoot(tree: Tree, repository: string): Promise<Root> {
  return (await ownChain(tree, repository)).at(-1) as Root;
}

/** The same with all roots that led to it. */
export async function ownChain(tree: Tree, repository: string): Promise<Root[]> {
  const chain = await rootChain(tree);
  const root = chain.at(-1) as Root;
  if (root.repository === repository) return chain;
  throw new QxError('malformed', 'the trust root is of another repository', {
    where: `${tree.root}/${rootPath(root.version)}`,
    expected: `${repository} (quantix-repo.toml)`,
    found: root.repository,
  });
}

/** QxError `stale` once the root has expired: every host refuses what is published under it. */
export function refuseExpiredRoot(root: Root, nowMs: number): void {
  if (Date.parse(root.expires) > nowMs) return;
  throw new QxError('stale', 'the trust root has expired', {
    where: rootPath(root.version),
    found: root.expires,
    hint: 'publish a new root version first',
  });
}
