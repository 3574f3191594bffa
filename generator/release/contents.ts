import { resolve } from 'node:path';
import pLimit from 'p-limit';
import { QxError, printable } from '../../client/format/error.ts';
import type { FileInfo, Files } from '../../client/effects/effects.ts';
import type { Source } from '../../client/format/manifest.ts';
import type { Descriptor } from '../../client/format/shapes.ts';
import { objectPath } from '../../client/format/tree.ts';
import type { Progress } from '../../client/terminal/progress.ts';
import { type FolderEntry, packFolder, scanFolder } from '../contents/folder.ts';
import { type StoredManifest, findRelease } from '../tree/releases.ts';
import { isPulled } from '../workspace/workspace.ts';
import type { ReleasePlan } from './plan.ts';
import type { Session } from './session.ts';
import { type StoredContent, fileBody, storeContent } from './store-content.ts';

/** One thing of a release that is about to be stored. */
export interface Item {
  name: string;
  kind: 'file' | 'directory';
  /** Permission bits of the file or folder. */
  mode: number;
  /** Bytes, about: what the progress counts to. */
  size: number;
  body: () => AsyncIterable<Uint8Array>;
  /** What a folder holds. */
  entries?: readonly FolderEntry[];
  /** Stored whole only: a manifest names no other form of an attachment. */
  plain?: boolean;
}

export interface ContentsOptions {
  fast: boolean;
  /** How many are compressed side by side. */
  workers: number;
  progress: (label: string, totalBytes: number) => Progress;
}

const SET_ID = 0o6000;

/**
 * What lies at a path, ready to be read. QxError `config` when nothing does or its kind is another one,
 * `malformed` with the path for what a host would refuse.
 */
export async function inspect(
  files: Files,
  name: string,
  path: string,
  patterns: readonly string[] | undefined,
  wanted: 'file' | 'directory' | undefined,
): Promise<Item> {
  const info = await infoOf(files, name, path);
  const kind = info.type;
  if (kind !== 'file' && kind !== 'directory') {
    throw new QxError('malformed', `${name}: neither a file nor a folder`, {
      where: printable(path, 1024),
    });
  }
  if (wanted !== undefined && kind !== wanted) {
    const [expected, found] = [`a ${wanted}`, `a ${kind}`];
    throw new QxError('config', `${name}: of another kind`, {
      where: printable(path, 1024),
      expected,
      found,
    });
  }
  if (kind === 'directory') return inspectFolder(files, name, path, patterns, info);
  if (patterns !== undefined) {
    throw new QxError('config', `${name}: patterns choose from a folder`, {
      where: printable(path, 1024),
    });
  }
  refuseSetId(name, path, info);
  const real = await files.realPath(path);
  return {
    name,
    kind,
    mode: info.mode,
    size: info.size,
    body: () => fileBody(files, real),
  };
}

/** Stores all items side by side; the result has their order. */
export async function storeItems(
  session: Session,
  plan: ReleasePlan,
  items: readonly Item[],
  options: ContentsOptions,
): Promise<StoredContent[]> {
  const { workspace } = session;
  const known = await knownContents(session, plan);
  const total = items.reduce((sum, { size }) => sum + 2 * size, 0);
  const progress = options.progress('contents', total);
  const limit = pLimit(options.workers);
  const store = (item: Item, label: string): Promise<StoredContent> =>
    storeContent(item.body(), {
      files: workspace.effects.files,
      staging: workspace.paths.staging,
      label,
      fast: options.fast,
      plain: item.plain === true,
      known,
      onProgress: (bytes) => {
        progress.add(bytes);
      },
    });
  const work: Promise<StoredContent>[] = [];
  for (const [index, item] of largestFirst(items))
    work[index] = limit(() => store(item, `${index}`));
  try {
    return await settled(work);
  } finally {
    progress.done();
  }
}

/** With their places: the largest one, begun last, would be compressed alone while the other cores wait. */
function largestFirst(items: readonly Item[]): [number, Item][] {
  return [...items.entries()].sort(([, a], [, b]) => b.size - a.size);
}

/** All results, or the first failure once nothing runs any more. */
async function settled<T>(work: Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(work);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return Promise.all(work);
}

async function infoOf(files: Files, name: string, path: string): Promise<FileInfo> {
  const there = await files.info(path);
  // A link to what was built counts as what it leads to.
  const info =
    there?.type === 'link' ? await files.info(await files.realPath(path)) : there;
  if (info !== null) return info;
  throw new QxError('config', `${name}: there is no such file or folder`, {
    where: printable(path, 1024),
  });
}

async function inspectFolder(
  files: Files,
  name: string,
  path: string,
  patterns: readonly string[] | undefined,
  info: FileInfo,
): Promise<Item> {
  const real = await files.realPath(path);
  const entries = await scanFolder(files, real, patterns).catch((thrown: unknown) => {
    throw thrown instanceof QxError ? inFolder(thrown, name, path) : thrown;
  });
  const size = entries.reduce((sum, entry) => sum + entry.size + 512, 1024);
  return {
    name,
    kind: 'directory',
    mode: info.mode,
    size,
    entries,
    body: () => packFolder(files, real, entries),
  };
}

/** A folder's own refusal knows the path inside only; a release has several folders. */
function inFolder(error: QxError, name: string, path: string): QxError {
  const { where = '', expected, found, hint } = error;
  return new QxError(error.code, `${name}: ${error.message}`, {
    where: resolve(printable(path, 1024), where),
    expected,
    found,
    hint,
    cause: error,
  });
}

function refuseSetId(name: string, path: string, { mode }: FileInfo): void {
  if ((mode & SET_ID) === 0) return;
  throw new QxError('malformed', `${name}: a set-id file`, {
    where: printable(path, 1024),
    found: `mode ${mode.toString(8).padStart(4, '0')}`,
    hint: 'chmod u-s,g-s it; a release gives no such rights',
  });
}

/**
 * Contents of the newest release and of the channel's: what did not change since then is not compressed again.
 * Their objects must be here, unless the workspace was pulled without them.
 */
async function knownContents(
  session: Session,
  plan: ReleasePlan,
): Promise<(content: Descriptor) => Promise<Source[] | null>> {
  const { workspace } = session;
  const byDigest = new Map<string, Source[]>();
  for (const { manifest } of await recentManifests(session, plan)) {
    const named = [
      ...manifest.components,
      ...(manifest.full_image ? [manifest.full_image] : []),
    ];
    for (const { content, sources } of named) {
      const full = sources.filter(({ type }) => type === 'full');
      if (full.length > 0) byDigest.set(content.sha256, full);
    }
  }
  const elsewhere = await isPulled(workspace);
  return async ({ sha256 }) => {
    const sources = byDigest.get(sha256);
    if (sources === undefined || elsewhere) return sources ?? null;
    for (const source of sources) {
      const info = await workspace.tree.info(objectPath(source.sha256));
      if (info?.size !== source.size) return null;
    }
    return sources;
  };
}

async function recentManifests(
  session: Session,
  plan: ReleasePlan,
): Promise<StoredManifest[]> {
  const { workspace, root, index } = session;
  const rows = index.rows.get(plan.product) ?? [];
  const versions = new Set([rows.at(-1)?.version, plan.version]);
  const found: StoredManifest[] = [];
  for (const version of versions) {
    if (version === undefined || !rows.some((row) => row.version === version)) continue;
    const release = await findRelease(workspace.tree, root, index, plan.product, version);
    found.push(...release.manifests.values());
  }
  return found;
}
