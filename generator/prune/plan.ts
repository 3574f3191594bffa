import { type Manifest, parseManifest } from '../../client/format/manifest.ts';
import { LIMITS } from '../../client/format/limits.ts';
import type { Pointer } from '../../client/format/pointer.ts';
import type { ReleaseRow } from '../../client/format/repository-index.ts';
import { manifestPath, objectPath, signaturePath } from '../../client/format/tree.ts';
import { QxError } from '../../client/format/error.ts';
import type { Tree } from '../tree/tree.ts';

/** A release with all that its manifests say. */
export interface HeldRelease {
  product: string;
  row: ReleaseRow;
  manifests: Manifest[];
}

export interface PruneRules {
  nowMs: number;
  /** Younger releases stay. */
  graceMs: number;
  /** So many of the newest releases of each product stay. */
  keep: number;
}

export interface PrunePlan {
  kept: HeldRelease[];
  dropped: HeldRelease[];
  /** Documents and objects, in the order in which they go: what names something goes before it. */
  paths: string[];
}

export async function readReleases(
  tree: Tree,
  rows: ReadonlyMap<string, ReleaseRow[]>,
): Promise<HeldRelease[]> {
  const held: HeldRelease[] = [];
  for (const [product, releases] of rows) {
    for (const row of releases) {
      const manifests: Manifest[] = [];
      for (const { sha256 } of Object.values(row.manifests))
        manifests.push(await readOne(tree, sha256));
      held.push({ product, row, manifests });
    }
  }
  return held;
}

async function readOne(tree: Tree, sha256: string): Promise<Manifest> {
  const path = manifestPath(sha256);
  const bytes = await tree.read(path, LIMITS.manifestBytes);
  if (bytes !== null) return parseManifest(bytes, path);
  throw new QxError('config', 'a manifest is not in the tree', {
    where: `${tree.root}/${path}`,
    hint: 'pull the published tree first',
  });
}

/** Which releases stay, and which files go with the others. */
export function planPrune(
  releases: readonly HeldRelease[],
  pointers: readonly Pointer[],
  rules: PruneRules,
): PrunePlan {
  const named = new Set(
    pointers.flatMap(({ manifests, via = [] }) =>
      [manifests, ...via.map((step) => step.manifests)].flatMap(digests),
    ),
  );
  const isNamed = ({ row }: HeldRelease): boolean =>
    digests(row.manifests).some((sha256) => named.has(sha256));
  const bases = patchBases(releases.filter(isNamed));
  const newest = newestOf(releases, rules.keep);
  const stays = (release: HeldRelease): boolean =>
    isNamed(release) ||
    newest.has(release) ||
    isYoung(release, rules) ||
    contentsOf(release).some((sha256) => bases.has(sha256));
  const kept = releases.filter(stays);
  const dropped = releases.filter((release) => !stays(release));
  return { kept, dropped, paths: [...documents(dropped), ...objects(dropped, kept)] };
}

function digests(byArch: Record<string, { sha256: string }>): string[] {
  return Object.values(byArch).map(({ sha256 }) => sha256);
}

function newestOf(releases: readonly HeldRelease[], keep: number): Set<HeldRelease> {
  const products = new Set(releases.map(({ product }) => product));
  const newest = [...products].flatMap((product) =>
    releases
      .filter((release) => release.product === product)
      .sort((a, b) => b.row.release - a.row.release)
      .slice(0, keep),
  );
  return new Set(newest);
}

/** Of whatever architecture came last. */
function isYoung({ row, manifests }: HeldRelease, rules: PruneRules): boolean {
  const dates = [row, ...manifests].map((each) => Date.parse(each.release_date));
  return Math.max(...dates) + rules.graceMs > rules.nowMs;
}

function parts({ manifests }: HeldRelease) {
  return manifests.flatMap(({ components, full_image: image }) => [
    ...components,
    ...(image === undefined ? [] : [image]),
  ]);
}

function contentsOf(release: HeldRelease): string[] {
  return parts(release).map(({ content }) => content.sha256);
}

/** Contents from which patches of current releases start: a publisher makes such patches again from them. */
function patchBases(current: readonly HeldRelease[]): Set<string> {
  const from = current
    .flatMap(parts)
    .flatMap(({ sources }) => sources)
    .flatMap((source) => source.from ?? []);
  return new Set(from);
}

function documents(dropped: readonly HeldRelease[]): string[] {
  const all = dropped.flatMap(({ row }) => digests(row.manifests));
  return all.flatMap((sha256) => [manifestPath(sha256), signaturePath(sha256)]);
}

function objects(
  dropped: readonly HeldRelease[],
  kept: readonly HeldRelease[],
): string[] {
  const needed = new Set(kept.flatMap(objectsOf));
  const all = new Set(dropped.flatMap(objectsOf));
  return [...all].filter((sha256) => !needed.has(sha256)).map(objectPath);
}

/** Digests of every object that a release names. */
export function objectsOf(release: HeldRelease): string[] {
  const sources = parts(release).flatMap((part) => part.sources);
  const attached = release.manifests.flatMap(({ attachments = [] }) =>
    attachments.map(({ content }) => content),
  );
  return [...sources, ...attached].map(({ sha256 }) => sha256);
}

/** Digests of every content that a release installs. */
export const installedContents = contentsOf;
