import { LIMITS } from '../../client/format/limits.ts';
import {
  type RepositoryIndex,
  parseRepositoryIndex,
} from '../../client/format/repository-index.ts';
import type { Root } from '../../client/format/root.ts';
import { REPOSITORY_INDEX_PATH } from '../../client/format/tree.ts';
import type { Source } from '../../client/reader/source.ts';
import { loadReleases } from '../tree/releases.ts';
import { listPointers } from '../tree/pointers.ts';
import { ownChain } from '../tree/roots.ts';
import type { Workspace } from '../workspace/workspace.ts';
import { type Comparison, type Preflight, unsigned } from './comparison.ts';
import { comparePointer } from './pointers.ts';
import { compareReleases } from './releases.ts';
import { compareRoots } from './roots.ts';

/**
 * Is the tree of the workspace the next step of the one that is served? Everything that is served must be
 * known here, or be older than what is. QxError `network` when the host cannot be asked, `malformed` when it
 * serves another repository.
 */
export async function preflight(
  workspace: Workspace,
  source: Source,
): Promise<Preflight> {
  const { tree, config } = workspace;
  const chain = await ownChain(tree, config.repository);
  const ours = chain.at(-1) as Root;
  const index = await loadReleases(tree, ours);
  const found: Preflight = {
    empty: false,
    pointers: 0,
    releases: 0,
    conflicts: [],
    warnings: [],
  };
  const served = await compareRoots({ workspace, source }, ours, found);
  // Under roots that are not known here no other document can be judged.
  if (found.conflicts.length > 0) return found;
  // Hosts still judge by the root that is served: what another publisher signed under it counts.
  const root = chain[served - 1] ?? ours;
  const comparison = { workspace, root, index, source };
  const names = await channelNames(comparison, found);
  for (const name of names.channels) {
    if (await comparePointer(comparison, name, found)) found.pointers += 1;
  }
  for (const product of names.products) {
    found.releases += await compareReleases(comparison, product, found);
  }
  found.empty = served === 0 && found.pointers + found.releases === 0;
  return found;
}

interface Names {
  channels: [product: string, channel: string][];
  products: string[];
}

/** Our own, and those that the host lists. Its index is unsigned: it can only name more to look at. */
async function channelNames(
  { workspace, index, source }: Comparison,
  found: Preflight,
): Promise<Names> {
  const channels = new Map<string, [string, string]>();
  const products = new Set(index.rows.keys());
  const add = (product: string, channel: string): void => {
    channels.set(`${product}/${channel}`, [product, channel]);
  };
  for (const [product, channel] of await listPointers(workspace.tree))
    add(product, channel);
  const served = await unsigned(found, () => readIndex(source));
  for (const [product, { channels: listed }] of Object.entries(served?.products ?? {})) {
    products.add(product);
    for (const channel of listed) add(product, channel);
  }
  return { channels: [...channels.values()], products: [...products].sort() };
}

async function readIndex(source: Source): Promise<RepositoryIndex | null> {
  const options = { maxBytes: LIMITS.repositoryIndexBytes, fresh: true };
  const fetched = await source.get(REPOSITORY_INDEX_PATH, options);
  return fetched.status === 'found'
    ? parseRepositoryIndex(fetched.bytes, fetched.url)
    : null;
}
