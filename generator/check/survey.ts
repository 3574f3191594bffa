import pLimit from 'p-limit';
import type { Effects } from '../../client/effects/effects.ts';
import type { Pointer } from '../../client/format/pointer.ts';
import type { Root } from '../../client/format/root.ts';
import { pointerPath } from '../../client/format/tree.ts';
import type { SignedPointer } from '../../client/reader/pointer.ts';
import type { AcceptedRoot } from '../../client/reader/roots.ts';
import { readSerials } from '../workspace/serials.ts';
import { type TreeFile, checkNames, listFiles } from './files.ts';
import {
  type Indexes,
  type PlacedPage,
  channelNames,
  compareIndex,
  readIndexes,
} from './indexes.ts';
import { type LifeLimits, checkRootLife } from './life.ts';
import {
  type CheckedManifest,
  type FindManifest,
  type Naming,
  checkManifestFile,
  checkReleases,
  checkUnlisted,
  manifestsIn,
} from './manifests.ts';
import type { TreePlace } from './place.ts';
import { type ChannelName, checkPointerFile } from './pointers.ts';
import type { Problems } from './problems.ts';
import { type PinnedRoot, checkRoots } from './roots.ts';

export interface SurveyOptions {
  effects: Effects;
  place: TreePlace;
  pinned: PinnedRoot | null;
  limits: LifeLimits;
  problems: Problems;
  /** Where manifests are looked for under the current root; in the tree itself when not given. */
  find?: (root: Root) => FindManifest;
}

/** Every document of a tree that a host would take. What it would not take is in `problems`. */
export interface Survey extends Indexes {
  root: Root;
  /** Oldest first. */
  chain: AcceptedRoot[];
  /** Every channel that is listed or lies there. */
  names: ChannelName[];
  pointers: SignedPointer[];
  manifests: CheckedManifest[];
  /** Null for a web host. */
  files: TreeFile[] | null;
}

const PARALLEL = 8;

/** Reads a tree as a host does: roots, then what they vouch for. Objects are not looked at. */
export async function surveyTree(options: SurveyOptions): Promise<Survey> {
  const { effects, place, problems, limits } = options;
  const { source, folder, workspace } = place;
  const files = folder === null ? null : await listFiles(effects.files, folder);
  if (files !== null) checkNames(files, problems);
  const { root, chain } = await checkRoots(source, options.pinned, problems);
  await problems.attempt(() => checkRootLife(root, limits, `root/${root.version}.json`));
  checkUnreached(root, files, problems);
  const indexes = await readIndexes(source, root.repository, files, problems);
  const names = channelNames(indexes.index, files);
  compareIndex(indexes, names, problems);
  const serials = workspace === null ? null : await readSerials(workspace);
  const roots = newestFirst(chain);
  const check = { effects, source, root, roots, files, serials, limits, problems };
  const pointers = await inParallel(names, (name) => checkPointerFile(check, name));
  const surveyed = { ...indexes, root, chain, names, pointers, files };
  return { ...surveyed, manifests: await checkManifests(options, surveyed) };
}

function newestFirst(chain: readonly AcceptedRoot[]): Root[] {
  return [...chain].reverse().map(({ root }) => root);
}

async function inParallel<T, U>(
  items: Iterable<T>,
  work: (item: T) => Promise<U | undefined>,
): Promise<U[]> {
  const limit = pLimit(PARALLEL);
  const done = await Promise.all([...items].map((item) => limit(() => work(item))));
  return done.filter((value): value is Awaited<U> => value !== undefined);
}

/** Hosts walk 1, 2, 3, … and stop at the first number that is missing. */
function checkUnreached(
  root: Root,
  files: readonly TreeFile[] | null,
  problems: Problems,
): void {
  for (const { path } of files ?? []) {
    const version = Number(/^root\/(\d+)\.json$/.exec(path)?.[1] ?? 0);
    if (version <= root.version) continue;
    problems.error('malformed', 'a trust root that no host reaches', {
      where: path,
      expected: `versions without a gap, each signed by the one before`,
      found: `the last one that counts is ${root.version}`,
    });
  }
}

async function checkManifests(
  options: SurveyOptions,
  survey: Omit<Survey, 'manifests'>,
): Promise<CheckedManifest[]> {
  const { place, problems } = options;
  const { root, chain, files } = survey;
  const find = options.find?.(root) ?? manifestsIn(place.source);
  const roots = newestFirst(chain);
  const check = { roots, find, problems };
  const named = namedManifests(root.repository, survey);
  const manifests = await inParallel(named.values(), (namings) =>
    checkManifestFile(check, namings),
  );
  for (const { path, info } of files ?? []) {
    const sha256 = /^manifests\/([0-9a-f]{64})\.json$/.exec(path)?.[1];
    if (sha256 === undefined || named.has(sha256)) continue;
    const descriptor = { sha256, size: info.size };
    const found = await checkUnlisted(check, root.repository, descriptor);
    if (found !== undefined) manifests.push(found);
  }
  checkReleases(root, manifests, problems);
  return manifests;
}

/** Who names which manifest as what, by digest. */
function namedManifests(
  repository: string,
  { pointers, pages }: { pointers: SignedPointer[]; pages: PlacedPage[] },
): Map<string, Naming[]> {
  const named = new Map<string, Naming[]>();
  const add = (naming: Naming): void => {
    const { sha256 } = naming.descriptor;
    named.set(sha256, [...(named.get(sha256) ?? []), naming]);
  };
  for (const { pointer } of pointers) namesOf(pointer).forEach(add);
  for (const { path, page } of pages) {
    for (const row of page.releases) {
      const { version, release } = row;
      for (const [arch, descriptor] of Object.entries(row.manifests)) {
        const want = { repository, product: page.product, version, arch };
        add({ by: path, descriptor, want, release, row, current: false });
      }
    }
  }
  return named;
}

/** The release of a pointer and its stepping stones. */
function namesOf(pointer: Pointer): Naming[] {
  const { repository, product, channel, version, manifests, via = [] } = pointer;
  const by = pointerPath(product, channel);
  const steps = [{ version, manifests }, ...via];
  return steps.flatMap((step) =>
    Object.entries(step.manifests).map(([arch, descriptor]): Naming => {
      const want = { repository, product, version: step.version, arch };
      const release = 'release' in step ? { release: step.release } : {};
      return { by, descriptor, want, ...release, current: true };
    }),
  );
}
