import { QxError } from '../../client/format/error.ts';
import type { Manifest } from '../../client/format/manifest.ts';
import type { Pointer } from '../../client/format/pointer.ts';
import type { Root } from '../../client/format/root.ts';
import { listPointers, readPointer } from '../tree/pointers.ts';
import { type ReleaseIndex, findRelease, findRow } from '../tree/releases.ts';
import type { Tree } from '../tree/tree.ts';
import { type Workspace, isPulled } from '../workspace/workspace.ts';
import {
  channelNames,
  channelsAnswer,
  healthAnswer,
  manifestAnswer,
  releasesAnswer,
} from './answers.ts';
import { makeArtifacts } from './artifacts.ts';
import {
  CHANNELS_PATH,
  DEFAULT_CHANNEL,
  HEALTH_PATH,
  artifactsPath,
  channelManifestPath,
  channelReleasePath,
  channelReleasesPath,
  manifestAnswerPath,
  releaseManifestPath,
  releasesPath,
} from './layout.ts';
import { type OlderRelease, encodeAnswer, readArtifacts, readRows } from './memory.ts';

/** Older hosts run on x86_64 and nothing else. */
export const OLDER_ARCHES: readonly string[] = ['x86_64', 'any'];

export interface OlderApi {
  workspace: Workspace;
  root: Root;
  index: ReleaseIndex;
}

/** What a channel has for older hosts, as JSON. */
interface Current {
  channel: string;
  release: OlderRelease;
  answer: ReturnType<typeof manifestAnswer>;
}

/**
 * With `older_api = true`: the older server's answers for what the signed pointers say, the last step of a run.
 * Artifacts go first, then what names them, then what hosts ask for again and again. Work grows with the number
 * of channels; what is there already is not written again. A dry run has no contents to make artifacts of and
 * leaves all of it out.
 */
export async function writeOlderAnswers(api: OlderApi): Promise<void> {
  const { config, dryRun, tree } = api.workspace;
  if (!config.older_api || dryRun) return;
  const pointers = await validPointers(api);
  if (pointers.length === 0) return;
  const products = [...new Set(pointers.map(({ product }) => product))];
  for (const product of products) {
    const own = pointers.filter((pointer) => pointer.product === product);
    await writeProduct(api, product, own);
  }
  const channels = pointers.map(({ channel }) => channel);
  await tree.write(CHANNELS_PATH, encodeAnswer(channelsAnswer(channels)));
  const issued = pointers.map((pointer) => pointer.issued).sort();
  await tree.write(HEALTH_PATH, encodeAnswer(healthAnswer(issued.at(-1) ?? '')));
}

async function validPointers({ workspace, root }: OlderApi): Promise<Pointer[]> {
  const pointers: Pointer[] = [];
  for (const [product, channel] of await listPointers(workspace.tree)) {
    const stored = await readPointer(workspace.tree, root, product, channel);
    if (!stored?.pointer || stored.problem !== null) continue;
    if (product === 'channels') throw productInTheWay();
    pointers.push(stored.pointer);
  }
  return pointers;
}

async function writeProduct(
  api: OlderApi,
  product: string,
  pointers: readonly Pointer[],
): Promise<void> {
  const { tree } = api.workspace;
  const current = await currentReleases(api, product, pointers);
  const standing = await readRows(tree, product);
  const rows = listed(api.index, product, [
    ...standing,
    ...current.map(({ release }) => release),
  ]);
  for (const each of current) await writeRelease(tree, product, each, rows);
  const channels = channelNames([...standing, ...rows].map(({ channel }) => channel));
  await writeLists(tree, product, rows, channels);
  for (const { channel, answer } of current)
    await tree.write(channelManifestPath(product, channel), encodeAnswer(answer));
  const first = current.find(({ channel }) => channel === DEFAULT_CHANNEL);
  if (first !== undefined)
    await tree.write(manifestAnswerPath(product), encodeAnswer(first.answer));
}

/** Of every channel that older hosts follow; its artifacts are made on the way. */
async function currentReleases(
  api: OlderApi,
  product: string,
  pointers: readonly Pointer[],
): Promise<Current[]> {
  const { workspace } = api;
  const known = await readArtifacts(workspace.tree, product);
  for (const version of Object.keys(known))
    if (findRow(api.index, product, version) === undefined) delete known[version];
  const options = { workspace, known, elsewhere: await isPulled(workspace) };
  const current: Current[] = [];
  for (const { channel, version } of pointers.filter(isForAll)) {
    const manifest = await olderManifest(api, product, version);
    if (manifest === null) continue;
    const made = await makeArtifacts(options, manifest);
    const answer = manifestAnswer(manifest, channel, (artifact) => {
      const one = made[artifact];
      if (one === undefined) throw new QxError('defect', 'an artifact that was not made');
      return { artifact, ...one };
    });
    const { release_date, update_type } = manifest;
    current.push({
      channel,
      release: { version, channel, release_date, update_type },
      answer,
    });
  }
  await workspace.tree.write(artifactsPath(product), encodeAnswer(known));
  return current;
}

/** Older hosts know neither a pause nor a share of hosts: until both are over, their answer stays as it was. */
function isForAll({ paused, rollout }: Pointer): boolean {
  return paused !== true && rollout === undefined;
}

async function olderManifest(
  { workspace, root, index }: OlderApi,
  product: string,
  version: string,
): Promise<Manifest | null> {
  const { manifests } = await findRelease(workspace.tree, root, index, product, version);
  const arch = OLDER_ARCHES.find((each) => manifests.has(each)) ?? '';
  return manifests.get(arch)?.manifest ?? null;
}

/** Rows stay until their release is withdrawn or pruned, whatever the channel points to by then. */
function listed(
  index: ReleaseIndex,
  product: string,
  rows: readonly OlderRelease[],
): OlderRelease[] {
  const unique = new Map(rows.map((row) => [`${row.channel} ${row.version}`, row]));
  const left = [...unique.values()].filter(({ version }) => {
    const known = findRow(index, product, version);
    return known !== undefined && known.withdrawn === undefined;
  });
  return releasesAnswer(left);
}

/** Of the channels that have a release, the first one names itself where nobody names one. */
async function writeRelease(
  tree: Tree,
  product: string,
  { channel, release: { version }, answer }: Current,
  rows: readonly OlderRelease[],
): Promise<void> {
  const first = rows.find((row) => row.version === version)?.channel ?? channel;
  const plain = { ...answer, channel: first };
  await tree.write(releaseManifestPath(product, version), encodeAnswer(plain));
  await tree.write(channelReleasePath(product, channel, version), encodeAnswer(answer));
}

async function writeLists(
  tree: Tree,
  product: string,
  rows: readonly OlderRelease[],
  channels: readonly string[],
): Promise<void> {
  for (const channel of channels) {
    const own = rows.filter((row) => row.channel === channel);
    await tree.write(channelReleasesPath(product, channel), encodeAnswer(own));
  }
  await tree.write(releasesPath(product), encodeAnswer(rows));
}

function productInTheWay(): QxError {
  return new QxError(
    'config',
    'no product may be called "channels" beside the older API',
    {
      where: CHANNELS_PATH,
      hint: 'older_api = false in quantix-repo.toml, or another name for the product',
    },
  );
}
