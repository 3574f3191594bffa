import { LIMITS } from '../../client/format/limits.ts';
import {
  manifestPath,
  objectPath,
  releasePagePath,
  signaturePath,
} from '../../client/format/tree.ts';
import { QxError } from '../../client/format/error.ts';
import { isOfRelease, olderPaths } from '../older-api/prune.ts';
import { writeOlderAnswers } from '../older-api/write.ts';
import { writeShrunkenIndexes } from '../tree/indexes.ts';
import { listPointers, readPointer } from '../tree/pointers.ts';
import { type ReleaseIndex, loadReleases } from '../tree/releases.ts';
import { currentRoot } from '../tree/roots.ts';
import type { Root } from '../../client/format/root.ts';
import type { Pointer } from '../../client/format/pointer.ts';
import type { Workspace } from '../workspace/workspace.ts';
import { listDeltas } from './deltas.ts';
import {
  type HeldRelease,
  type PruneRules,
  installedContents,
  objectsOf,
  planPrune,
  readReleases,
} from './plan.ts';
import { readPruned, writePruned } from './removable.ts';

export interface Pruning {
  kept: HeldRelease[];
  dropped: HeldRelease[];
  /** Relative to the tree, in the order in which they go. Some may lie at the host only. */
  paths: string[];
  /** Of those that lie here. */
  bytes: number;
}

/** What would go by these rules. Nothing is written. */
export async function lookForPruning(
  workspace: Workspace,
  rules: PruneRules,
): Promise<Pruning> {
  const { tree, config } = workspace;
  const root = await currentRoot(tree, config.repository);
  const { rows } = await loadReleases(tree, root);
  const pointers = await readPointers(workspace, root);
  const releases = await readReleases(tree, rows);
  const plan = planPrune(releases, pointers, rules);
  const paths = [
    ...(await deltaPaths(workspace, plan.kept, plan.dropped)),
    ...(await olderPaths(tree, plan.dropped.map(nameOf))),
    ...plan.paths,
  ];
  const needed = new Set((await neededDeltas(workspace, plan.kept)).map(objectPathOf));
  paths.push(...(await unfinished(workspace, releases)));
  const going = [...new Set(paths)].filter((path) => !needed.has(path));
  const infos = await Promise.all(going.map((path) => tree.info(path)));
  const bytes = infos.reduce((sum, info) => sum + (info?.size ?? 0), 0);
  return { kept: plan.kept, dropped: plan.dropped, paths: going, bytes };
}

/**
 * First the list for the host, then the indexes, then documents, then objects: cut off anywhere, the tree
 * verifies and the next run does the rest.
 */
export async function prune(workspace: Workspace, pruning: Pruning): Promise<void> {
  const { tree, config } = workspace;
  const { dropped, kept, paths } = pruning;
  if (dropped.length === 0 && paths.length === 0) return;
  const root = await currentRoot(tree, config.repository);
  const index = indexOf(kept);
  const pages = await extraPages(workspace, index);
  await writePruned(workspace, [...(await readPruned(workspace)), ...paths, ...pages]);
  await writeShrunkenIndexes(tree, config.repository, index);
  await writeOlderAnswers({ workspace, root, index });
  for (const path of [...pages, ...paths]) await tree.remove(path);
}

/** What the host may delete now: nothing that lies in the tree, and nothing that a release names again. */
export async function removable(workspace: Workspace): Promise<string[]> {
  const { tree, config } = workspace;
  const root = await currentRoot(tree, config.repository);
  const { rows } = await loadReleases(tree, root);
  const releases = await readReleases(tree, rows);
  const named = new Set(releases.flatMap(objectsOf).map(objectPath));
  const free: string[] = [];
  for (const path of await readPruned(workspace)) {
    if (!named.has(path) && (await tree.info(path)) === null) free.push(path);
  }
  return free;
}

/** What a run that was cut off listed and did not come to. Pages come and go by their number. */
async function unfinished(
  workspace: Workspace,
  releases: readonly HeldRelease[],
): Promise<string[]> {
  const manifests = releases.flatMap(({ row }) => Object.values(row.manifests));
  const named = new Set([
    ...releases.flatMap(objectsOf).map(objectPath),
    ...manifests.map(({ sha256 }) => manifestPath(sha256)),
    ...manifests.map(({ sha256 }) => signaturePath(sha256)),
  ]);
  const held = releases.map(nameOf);
  const left: string[] = [];
  for (const path of await readPruned(workspace)) {
    const isOurs =
      !path.startsWith('products/') && !named.has(path) && !isOfRelease(path, held);
    if (isOurs && (await workspace.tree.info(path)) !== null) left.push(path);
  }
  return left;
}

/** QxError when a pointer does not count: what it names cannot be told. */
async function readPointers(workspace: Workspace, root: Root): Promise<Pointer[]> {
  const pointers: Pointer[] = [];
  for (const [product, channel] of await listPointers(workspace.tree)) {
    const stored = await readPointer(workspace.tree, root, product, channel);
    if (stored === null) continue;
    if (stored.problem !== null || stored.pointer === null) {
      throw new QxError('config', 'a pointer of the tree does not count yet', {
        where: stored.path,
        found: stored.problem?.message,
        hint: 'sign it first (qx-repo sign): what it will name must stay',
        cause: stored.problem,
      });
    }
    pointers.push(stored.pointer);
  }
  return pointers;
}

async function neededDeltas({ tree }: Workspace, kept: readonly HeldRelease[]) {
  const contents = new Set(kept.flatMap(installedContents));
  return (await listDeltas(tree)).filter(({ target }) => contents.has(target));
}

const nameOf = ({ product, row: { version } }: HeldRelease) => ({ product, version });

const objectPathOf = ({ object }: { object: string | null }): string => object ?? '';

/** Patches to contents that only dropped releases install. */
async function deltaPaths(
  { tree }: Workspace,
  kept: readonly HeldRelease[],
  dropped: readonly HeldRelease[],
): Promise<string[]> {
  const staying = new Set(kept.flatMap(installedContents));
  const going = new Set(dropped.flatMap(installedContents));
  const deltas = (await listDeltas(tree)).filter(
    ({ target }) => going.has(target) && !staying.has(target),
  );
  const named = new Set(kept.flatMap(objectsOf).map(objectPath));
  const objects = deltas
    .map(objectPathOf)
    .filter((path) => path !== '' && !named.has(path));
  return [...deltas.map(({ path }) => path), ...objects];
}

function indexOf(kept: readonly HeldRelease[]): ReleaseIndex {
  const rows: ReleaseIndex['rows'] = new Map();
  for (const { product, row } of kept)
    rows.set(product, [...(rows.get(product) ?? []), row]);
  for (const list of rows.values()) list.sort((a, b) => a.release - b.release);
  return { rows, unsigned: [], pages: new Map() };
}

/** Fewer releases take fewer pages; the ones behind the last would list what is gone. */
async function extraPages(
  { tree }: Workspace,
  { rows }: ReleaseIndex,
): Promise<string[]> {
  const extra: string[] = [];
  for (const [product, releases] of rows) {
    let page = Math.ceil(releases.length / LIMITS.releasesPerPage) + 1;
    while ((await tree.info(releasePagePath(product, page))) !== null) {
      extra.push(releasePagePath(product, page));
      page += 1;
    }
  }
  return extra;
}
