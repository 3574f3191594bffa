import { QxError } from '../../client/format/error.ts';
import { LIMITS } from '../../client/format/limits.ts';
import { type Manifest, parseManifest } from '../../client/format/manifest.ts';
import {
  type ReleasePage,
  type ReleaseRow,
  parseReleasePage,
} from '../../client/format/repository-index.ts';
import type { Root } from '../../client/format/root.ts';
import type { Descriptor } from '../../client/format/shapes.ts';
import { manifestPath, releasePagePath } from '../../client/format/tree.ts';
import { verifyRole } from '../../client/format/trust.ts';
import { descriptorOf, sha256Of } from './digest.ts';
import { blocksOf } from './signatures.ts';
import type { Tree } from './tree.ts';

/** All releases that a tree holds, by product, each list in the order of its release numbers. */
export interface ReleaseIndex {
  rows: Map<string, ReleaseRow[]>;
  /** Manifests in the tree that no key of the release role vouches for: leftovers, or foreign. */
  unsigned: { sha256: string; problem: QxError }[];
  /** Release pages as they lie in the tree, path → pageText(): one that is the same need not be encoded and compared. */
  pages: Map<string, string>;
}

export interface StoredManifest {
  manifest: Manifest;
  descriptor: Descriptor;
  bytes: Buffer;
}

/**
 * Reads the release pages, then looks in `manifests/` for what they do not list: a run that was cut off
 * before its page, or a page that somebody lost. So the cost is one listing and one page for 100 releases.
 */
export async function loadReleases(tree: Tree, root: Root): Promise<ReleaseIndex> {
  const there = await tree.list('manifests');
  const missing = new Set(there.map((name) => name.replace(/\.json$/, '')));
  const index: ReleaseIndex = { rows: new Map(), unsigned: [], pages: new Map() };
  for (const page of await readPages(tree)) {
    index.pages.set(releasePagePath(page.product, page.page), pageText(page));
    for (const row of page.releases) {
      const known = Object.values(row.manifests).every(({ sha256 }) =>
        missing.has(sha256),
      );
      if (!known) continue;
      for (const { sha256 } of Object.values(row.manifests)) missing.delete(sha256);
      rowsOf(index, page.product).push(row);
    }
  }
  for (const sha256 of missing) await addUnlisted(tree, root, index, sha256);
  for (const rows of index.rows.values()) rows.sort((a, b) => a.release - b.release);
  return index;
}

/** What two equal pages have in common before they are checked and encoded. */
export function pageText(page: ReleasePage): string {
  return JSON.stringify(page);
}

export function rowsOf(index: ReleaseIndex, product: string): ReleaseRow[] {
  const rows = index.rows.get(product) ?? [];
  index.rows.set(product, rows);
  return rows;
}

export function findRow(
  index: ReleaseIndex,
  product: string,
  version: string,
): ReleaseRow | undefined {
  return index.rows.get(product)?.find((row) => row.version === version);
}

/** Adds a verified manifest to the index: a new row, or another architecture of one that stands. */
export function addRelease(
  index: ReleaseIndex,
  manifest: Manifest,
  descriptor: Descriptor,
): void {
  const rows = rowsOf(index, manifest.product);
  const row = rows.find(({ version }) => version === manifest.version);
  if (row === undefined) {
    const { version, release, release_date, update_type, arch } = manifest;
    rows.push({
      version,
      release,
      release_date,
      update_type,
      manifests: { [arch]: descriptor },
    });
    rows.sort((a, b) => a.release - b.release);
    return;
  }
  row.manifests = { ...row.manifests, [manifest.arch]: descriptor };
}

/** The highest release number of a product in this tree; 0 where there is none. */
export function highestRelease(index: ReleaseIndex, product: string): number {
  return Math.max(0, ...(index.rows.get(product) ?? []).map(({ release }) => release));
}

/**
 * One manifest by its digest: length, digest, shape and signature checked.
 * QxError `digest`, `malformed`, `signature`; `config` where the file is not here.
 */
export async function readManifest(
  tree: Tree,
  root: Root,
  sha256: string,
): Promise<StoredManifest> {
  const path = manifestPath(sha256);
  const bytes = await tree.read(path, LIMITS.manifestBytes);
  if (bytes === null) {
    throw new QxError('config', 'a manifest is not in the tree', {
      where: `${tree.root}/${path}`,
    });
  }
  if (sha256Of(bytes) !== sha256) {
    throw new QxError('digest', 'a manifest is not what its name says', {
      where: `${tree.root}/${path}`,
      expected: sha256,
      found: sha256Of(bytes),
    });
  }
  const manifest = parseManifest(bytes, path);
  verifyRole(root, 'release', bytes, await blocksOf(tree, bytes), path);
  if (manifest.repository !== root.repository) {
    throw new QxError('malformed', 'a manifest of another repository', {
      where: path,
      expected: root.repository,
      found: manifest.repository,
    });
  }
  return { manifest, descriptor: descriptorOf(bytes), bytes };
}

export interface Release {
  row: ReleaseRow;
  /** By architecture; all of one release number. */
  manifests: Map<string, StoredManifest>;
}

/** A release by version, every manifest of it verified. QxError `usage` where no such release is here. */
export async function findRelease(
  tree: Tree,
  root: Root,
  index: ReleaseIndex,
  product: string,
  version: string,
): Promise<Release> {
  const row = findRow(index, product, version);
  if (row === undefined) throw noSuchRelease(tree, index, product, version);
  const manifests = new Map<string, StoredManifest>();
  for (const [arch, { sha256 }] of Object.entries(row.manifests)) {
    const stored = await readManifest(tree, root, sha256);
    const { manifest } = stored;
    const same =
      manifest.product === product &&
      manifest.version === version &&
      manifest.arch === arch &&
      manifest.release === row.release;
    if (!same) {
      throw new QxError(
        'malformed',
        'the release page does not say what the manifest says',
        {
          where: manifestPath(sha256),
          expected: `${product} ${version} ${arch}, release ${row.release}`,
          found: `${manifest.product} ${manifest.version} ${manifest.arch}, release ${manifest.release}`,
          hint: 'remove the products/ folder of the tree: it is made again from the manifests',
        },
      );
    }
    manifests.set(arch, stored);
  }
  return { row, manifests };
}

async function readPages(tree: Tree): Promise<ReleasePage[]> {
  const pages: ReleasePage[] = [];
  for (const product of await tree.list('products')) {
    for (let page = 1; ; page += 1) {
      const path = releasePagePath(product, page);
      const bytes = await tree.read(path, LIMITS.releasePageBytes);
      if (bytes === null) break;
      const parsed = parsePage(bytes, path);
      if (parsed?.product === product && parsed.page === page) pages.push(parsed);
    }
  }
  return pages;
}

/** A page is unsigned and can be made again from the manifests, so a broken one is passed over. */
function parsePage(bytes: Buffer, path: string): ReleasePage | null {
  try {
    return parseReleasePage(bytes, path);
  } catch (error) {
    if (error instanceof QxError) return null;
    throw error;
  }
}

async function addUnlisted(
  tree: Tree,
  root: Root,
  index: ReleaseIndex,
  sha256: string,
): Promise<void> {
  try {
    const { manifest, descriptor } = await readManifest(tree, root, sha256);
    addRelease(index, manifest, descriptor);
  } catch (problem) {
    if (!(problem instanceof QxError)) throw problem;
    index.unsigned.push({ sha256, problem });
  }
}

function noSuchRelease(
  tree: Tree,
  index: ReleaseIndex,
  product: string,
  version: string,
): QxError {
  const known = (index.rows.get(product) ?? []).slice(-8).map((row) => row.version);
  return new QxError('usage', `no signed release ${version} of ${product}`, {
    where: tree.root,
    found: known.length === 0 ? 'none of this product' : known.join(', '),
    hint: `qx-repo generate --product ${product} --version ${version} …`,
  });
}
