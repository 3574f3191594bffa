import pLimit from 'p-limit';
import { QxError } from '../../client/format/error.ts';
import { LIMITS } from '../../client/format/limits.ts';
import type { Descriptor } from '../../client/format/shapes.ts';
import { rootPath } from '../../client/format/tree.ts';
import { otherPlaces } from '../check/all-objects.ts';
import type { TreePlace } from '../check/place.ts';
import { Problems } from '../check/problems.ts';
import type { PinnedRoot } from '../check/roots.ts';
import { type Survey, surveyTree } from '../check/survey.ts';
import { wantedObjects } from '../check/wanted-objects.ts';
import type { Context } from '../context.ts';
import { currentObjects, pullOlderAnswers } from '../older-api/pull.ts';
import { rootChain } from '../tree/roots.ts';
import type { Workspace } from '../workspace/workspace.ts';
import { type PulledChannel, blocking, comparePointers } from './accept.ts';
import { fetchObject } from './fetch-object.ts';
import { type FindCounts, findHereFirst } from './find-manifest.ts';
import { giveUp } from './give-up.ts';
import { writeMarker } from './marker.ts';
import { writePulled, writeRoots } from './write-tree.ts';

export interface PullOptions {
  workspace: Workspace;
  place: TreePlace;
  /** From --root; else the newest root of the workspace counts, else root 1 is taken as found. */
  pinned: PinnedRoot | null;
  /** Brings the objects of every release too. */
  objects: boolean;
  /** What was signed here and stands in the way of what is served yields to it. */
  theirs: boolean;
}

export interface Pulled {
  /** False when the tree was refused: then nothing was written. */
  accepted: boolean;
  /** True when the chain of roots begins with one that was trusted before. */
  pinned: boolean;
  survey: Survey;
  channels: PulledChannel[];
  manifests: FindCounts;
  objects: FindCounts;
  /** Manifests of this tree that yielded. */
  givenUp: number;
  problems: Problems;
}

/** Verifies a published tree as hosts do and brings it into the workspace. */
export async function pullTree(context: Context, options: PullOptions): Promise<Pulled> {
  const { workspace, place } = options;
  const problems = new Problems(place.source.base);
  const pinned = options.pinned ?? (await ownRoot(workspace));
  const manifests: FindCounts = { fetched: 0, kept: 0 };
  const survey = await surveyTree({
    effects: context.effects,
    place: { ...place, workspace: null },
    pinned,
    limits: { nowMs: context.effects.clock.now(), minLifeMs: 0 },
    problems,
    find: (root) => findHereFirst(workspace.tree, place.source, root, manifests),
  });
  refuseOther(workspace, survey);
  const channels = await comparePointers(
    workspace,
    survey,
    options.theirs ? null : problems,
  );
  const accepted = blocking(problems, survey).length === 0;
  const objects: FindCounts = { fetched: 0, kept: 0 };
  let givenUp = 0;
  if (accepted) {
    // Without a root nothing that lies here could be verified: an empty tree begins with them.
    if ((await ownRoot(workspace)) === null) await writeRoots(workspace.tree, survey);
    // Before the first manifest lies here: from then on its objects count as "not here".
    await mark(workspace, place, survey);
    if (!workspace.dryRun) await pullObjects(context, options, survey, objects);
    if (options.theirs) givenUp = await giveUp(workspace.tree, survey);
    const index = await writePulled(workspace, place.source, survey, channels);
    await pullOlderAnswers(place.source, { workspace, root: survey.root, index });
  }
  const trusted = pinned !== null;
  return {
    accepted,
    pinned: trusted,
    survey,
    channels,
    manifests,
    objects,
    givenUp,
    problems,
  };
}

/** The newest root of the workspace, which the published chain must contain. */
async function ownRoot({ tree }: Workspace): Promise<PinnedRoot | null> {
  if ((await tree.info(rootPath(1))) === null) return null;
  const root = (await rootChain(tree)).at(-1);
  const bytes = root && (await tree.read(rootPath(root.version), LIMITS.rootBytes));
  return root && bytes ? { root, bytes } : null;
}

function refuseOther({ config, paths }: Workspace, { root }: Survey): void {
  if (root.repository === config.repository) return;
  throw new QxError('malformed', 'the tree is of another repository', {
    where: rootPath(root.version),
    expected: `${config.repository} (${paths.config})`,
    found: root.repository,
  });
}

function mark(workspace: Workspace, place: TreePlace, survey: Survey): Promise<void> {
  const manifests = survey.manifests.map(({ sha256 }) => sha256);
  return writeMarker(workspace, { from: place.name, manifests });
}

const PARALLEL = 4;

async function pullObjects(
  context: Context,
  options: PullOptions,
  survey: Survey,
  counts: FindCounts,
): Promise<void> {
  const { workspace, place } = options;
  const wanted = objectsToPull(options, survey);
  if (wanted.length === 0) return;
  const bytes = wanted.reduce((sum, { size }) => sum + size, 0);
  const progress = context.output.progress('objects', bytes);
  const fetch = {
    files: context.effects.files,
    tree: workspace.tree,
    staging: workspace.paths.staging,
    sources: [place.source, ...otherPlaces(context, survey)],
    onBytes: (count: number) => progress.add(count),
  };
  const limit = pLimit(PARALLEL);
  const work = wanted.map((descriptor) =>
    limit(async () => {
      const result = await fetchObject(fetch, descriptor);
      counts[result] += 1;
      if (result === 'kept') progress.add(descriptor.size);
    }),
  );
  // All of them end before the first failure is told: none goes on writing behind our back.
  const failed = (await Promise.allSettled(work)).find(
    ({ status }) => status === 'rejected',
  );
  progress.done();
  if (failed?.status === 'rejected') throw failed.reason;
}

/** All with --objects; else what older hosts' artifacts of the current releases may have to be made of. */
function objectsToPull(
  { workspace, place, objects }: PullOptions,
  { manifests }: Survey,
): Descriptor[] {
  if (!objects) return workspace.config.older_api ? currentObjects(manifests) : [];
  const unused = new Problems(place.source.base);
  const wanted = wantedObjects(manifests, new Set(), unused);
  return [...wanted.values()].map(({ descriptor }) => descriptor);
}
