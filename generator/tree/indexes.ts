import { LIMITS } from '../../client/format/limits.ts';
import {
  type ReleasePage,
  encodeReleasePage,
  encodeRepositoryIndex,
} from '../../client/format/repository-index.ts';
import { REPOSITORY_INDEX_PATH, releasePagePath } from '../../client/format/tree.ts';
import { listPointers } from './pointers.ts';
import { type ReleaseIndex, pageText } from './releases.ts';
import type { Tree } from './tree.ts';

const PAGE = LIMITS.releasesPerPage;

/** Writes the release pages and repository.json; what did not change is not written again. */
export async function writeIndexes(
  tree: Tree,
  repository: string,
  index: ReleaseIndex,
): Promise<void> {
  await writeAllPages(tree, repository, index);
  await writeRepositoryIndex(tree, repository, index);
}

/** The same after releases have gone, in the order that never promises more than there is. */
export async function writeShrunkenIndexes(
  tree: Tree,
  repository: string,
  index: ReleaseIndex,
): Promise<void> {
  await writeRepositoryIndex(tree, repository, index);
  await writeAllPages(tree, repository, index);
}

async function writeRepositoryIndex(
  tree: Tree,
  repository: string,
  index: ReleaseIndex,
): Promise<void> {
  const described = await describe(tree, repository, index);
  await tree.write(REPOSITORY_INDEX_PATH, encodeRepositoryIndex(described));
}

async function writeAllPages(
  tree: Tree,
  repository: string,
  index: ReleaseIndex,
): Promise<void> {
  for (const product of [...index.rows.keys()].sort())
    await writePages(tree, repository, index, product);
}

async function writePages(
  tree: Tree,
  repository: string,
  index: ReleaseIndex,
  product: string,
): Promise<void> {
  const rows = index.rows.get(product) ?? [];
  for (let first = 0; first < rows.length; first += PAGE) {
    const page: ReleasePage = {
      type: 'releases',
      format: 1,
      repository,
      product,
      page: first / PAGE + 1,
      releases: rows.slice(first, first + PAGE),
    };
    const path = releasePagePath(product, page.page);
    const text = pageText(page);
    if (index.pages.get(path) === text) continue;
    await tree.write(path, encodeReleasePage(page));
    index.pages.set(path, text);
  }
}

async function describe(tree: Tree, repository: string, index: ReleaseIndex) {
  const products: Record<
    string,
    { channels: string[]; releases: number; pages: number }
  > = {};
  for (const [product, rows] of index.rows) {
    products[product] = {
      channels: [],
      releases: rows.length,
      pages: Math.ceil(rows.length / PAGE),
    };
  }
  for (const [product, channel] of await listPointers(tree)) {
    products[product] ??= { channels: [], releases: 0, pages: 0 };
    products[product].channels.push(channel);
  }
  return { type: 'repository' as const, format: 1 as const, repository, products };
}
