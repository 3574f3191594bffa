import { QxError } from '../../client/format/error.ts';
import { LIMITS } from '../../client/format/limits.ts';
import type { Manifest } from '../../client/format/manifest.ts';
import type { Pointer } from '../../client/format/pointer.ts';
import type { Descriptor } from '../../client/format/shapes.ts';
import {
  manifestPath,
  pointerPath,
  rootPath,
  sideSignaturePath,
  signaturePath,
} from '../../client/format/tree.ts';
import { chooseSource } from '../../client/policy/plan.ts';
import type { Source } from '../../client/reader/source.ts';
import { fetchObject } from '../pull/fetch-object.ts';
import { sha256Of } from '../tree/digest.ts';
import { writeIndexes } from '../tree/indexes.ts';
import {
  type ReleaseIndex,
  type StoredManifest,
  addRelease,
  readManifest,
} from '../tree/releases.ts';
import { ownChain } from '../tree/roots.ts';
import { blocksOf, pointerBlocks, writeBlocks } from '../tree/signatures.ts';
import type { Tree } from '../tree/tree.ts';
import type { Workspace } from '../workspace/workspace.ts';

/** What goes onto the stick: all of it was read and verified in the workspace. */
export interface BundlePlan {
  repository: string;
  pointers: readonly Pointer[];
  roots: number;
  manifests: StoredManifest[];
  /** What a host fetches for these manifests, each once: of two ways to a content the one that it would choose. */
  objects: Descriptor[];
}

/** The least that takes hosts of some architectures to what these pointers name; `arches` empty for all. */
export async function planBundle(
  { tree, config }: Workspace,
  pointers: readonly Pointer[],
  arches: readonly string[],
): Promise<BundlePlan> {
  const chain = await ownChain(tree, config.repository);
  const root = chain.at(-1);
  if (root === undefined) throw new QxError('defect', 'a chain without a root');
  const digests = new Set(pointers.flatMap((pointer) => digestsOf(pointer, arches)));
  const manifests: StoredManifest[] = [];
  for (const sha256 of digests) manifests.push(await readManifest(tree, root, sha256));
  const objects = new Map<string, Descriptor>();
  for (const { sha256, size } of manifests.flatMap(({ manifest }) => objectsOf(manifest)))
    objects.set(sha256, { sha256, size });
  const { repository } = root;
  const all = [...objects.values()];
  return { repository, pointers, roots: chain.length, manifests, objects: all };
}

/** Of the release and of its stepping stones: nobody can fetch one of them where the stick goes. */
function digestsOf(
  { manifests, via = [] }: Pointer,
  arches: readonly string[],
): string[] {
  const isWanted = (arch: string): boolean =>
    arches.length === 0 || arch === 'any' || arches.includes(arch);
  const all = [manifests, ...via.map((step) => step.manifests)];
  const entries = all.flatMap((byArch) => Object.entries(byArch));
  return entries.flatMap(([arch, { sha256 }]) => (isWanted(arch) ? [sha256] : []));
}

function objectsOf(manifest: Manifest): Descriptor[] {
  const { components, full_image: image, attachments = [] } = manifest;
  const system = image === undefined ? [] : [{ name: 'system image', ...image }];
  const contents = [...components, ...system].map((each) => chooseSource(each));
  return [...contents, ...attachments.map(({ content }) => content)];
}

export interface BundlePlace {
  tree: Tree;
  staging: string;
  /** Where objects come from: the first that has one. */
  sources: readonly Source[];
}

/** Writes it in the order of publishing: what names something comes after it. */
export async function writeBundle(
  { tree: from, effects }: Workspace,
  plan: BundlePlan,
  { tree, staging, sources }: BundlePlace,
  onBytes: (count: number) => void,
): Promise<void> {
  const fetch = { files: effects.files, tree, staging, sources, onBytes };
  for (const object of plan.objects) await fetchObject(fetch, object);
  const signed = async (path: string, bytes: Buffer): Promise<void> => {
    const blocks = await blocksOf(from, bytes);
    await writeBlocks(tree, signaturePath(sha256Of(bytes)), blocks);
    await tree.write(path, bytes);
  };
  for (const { bytes, descriptor } of plan.manifests)
    await signed(manifestPath(descriptor.sha256), bytes);
  for (let version = 1; version <= plan.roots; version += 1) {
    const path = rootPath(version);
    await signed(path, await bytesOf(from, path, LIMITS.rootBytes));
  }
  for (const pointer of plan.pointers) await writePointer(from, tree, pointer);
  await writeIndexes(tree, plan.repository, indexOf(plan));
}

/** Its signatures may lie in two places; a stick has them in both. */
async function writePointer(
  from: Tree,
  tree: Tree,
  { product, channel }: Pointer,
): Promise<void> {
  const path = pointerPath(product, channel);
  const bytes = await bytesOf(from, path, LIMITS.pointerBytes);
  const blocks = await pointerBlocks(from, product, channel, bytes);
  await writeBlocks(tree, signaturePath(sha256Of(bytes)), blocks);
  await writeBlocks(tree, sideSignaturePath(product, channel), blocks);
  await tree.write(path, bytes);
}

async function bytesOf(tree: Tree, path: string, maxBytes: number): Promise<Buffer> {
  const bytes = await tree.read(path, maxBytes);
  if (bytes !== null) return bytes;
  throw new QxError('config', 'a file has gone from the tree meanwhile', { where: path });
}

/** For people, and for `verify`: what lies here and nothing else. */
function indexOf({ manifests }: BundlePlan): ReleaseIndex {
  const index: ReleaseIndex = { rows: new Map(), unsigned: [], pages: new Map() };
  for (const { manifest, descriptor } of manifests)
    addRelease(index, manifest, descriptor);
  return index;
}
