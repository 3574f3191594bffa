import { QxError } from '../../client/format/error.ts';
import { type SignatureBlock, unite } from '../../client/format/minisign/signature.ts';
import {
  manifestPath,
  pointerPath,
  rootPath,
  schemaPath,
  sideSignaturePath,
  signaturePath,
} from '../../client/format/tree.ts';
import type { Source } from '../../client/reader/source.ts';
import type { Survey } from '../check/survey.ts';
import { SCHEMA_TYPES } from '../schema.ts';
import { sha256Of } from '../tree/digest.ts';
import { writeIndexes } from '../tree/indexes.ts';
import {
  type ReleaseIndex,
  addRelease,
  findRow,
  loadReleases,
  readManifest,
} from '../tree/releases.ts';
import { writeBlocks } from '../tree/signatures.ts';
import type { Tree } from '../tree/tree.ts';
import { recordSerial } from '../workspace/serials.ts';
import type { Workspace } from '../workspace/workspace.ts';
import type { PulledChannel } from './accept.ts';
import { readableBlocks } from './find-manifest.ts';

const SCHEMA_BYTES_MAX = 256 * 1024;

/**
 * Writes what was verified, in the order of publishing, so that a run that is cut off leaves a tree that
 * verifies: manifests, schema, roots, signatures, side signatures, pointers, pages. Gives all releases.
 */
export async function writePulled(
  workspace: Workspace,
  source: Source,
  survey: Survey,
  channels: readonly PulledChannel[],
): Promise<ReleaseIndex> {
  const { tree } = workspace;
  for (const { sha256, bytes } of survey.manifests)
    await tree.write(manifestPath(sha256), bytes);
  await pullSchemas(tree, source);
  await writeRoots(tree, survey);
  for (const { sha256, blocks } of survey.manifests)
    await addBlocks(tree, signaturePath(sha256), blocks);
  await writePointers(workspace, survey, channels);
  const index = await pulledReleases(tree, survey);
  await keepWithdrawn(tree, survey, index);
  await writeIndexes(tree, survey.root.repository, index);
  return index;
}

/** The signature goes first: a root without one would keep the next run from going on. */
export async function writeRoots(tree: Tree, { chain }: Survey): Promise<void> {
  for (const { root, bytes, blocks } of chain) {
    await addBlocks(tree, signaturePath(sha256Of(bytes)), blocks);
    await tree.write(rootPath(root.version), bytes);
  }
}

/** Signatures that were added here and are not published yet stay. */
async function addBlocks(
  tree: Tree,
  path: string,
  blocks: readonly SignatureBlock[],
): Promise<void> {
  const all = unite(await readableBlocks(tree, path), [...blocks]);
  if (all.length > 0) await writeBlocks(tree, path, all);
}

/** The serial is recorded first, so that no number is ever given out again. */
async function writePointers(
  workspace: Workspace,
  survey: Survey,
  channels: readonly PulledChannel[],
): Promise<void> {
  const { tree } = workspace;
  for (const [at, { pointer, bytes, sha256, blocks }] of survey.pointers.entries()) {
    const { product, channel, serial, version } = pointer;
    await recordSerial(workspace, product, channel, { serial, version, sha256 });
    await addBlocks(tree, signaturePath(sha256), blocks);
    if (channels[at]?.state === 'edited') continue;
    await writeBlocks(tree, sideSignaturePath(product, channel), blocks);
    await tree.write(pointerPath(product, channel), bytes);
  }
}

/** For people and their editors; a host without them, or with odd ones, is no obstacle. */
async function pullSchemas(tree: Tree, source: Source): Promise<void> {
  for (const type of SCHEMA_TYPES) {
    const path = schemaPath(type);
    if ((await tree.info(path)) !== null) continue;
    const fetched = await source.get(path, { maxBytes: SCHEMA_BYTES_MAX });
    if (fetched.status === 'found' && isJson(fetched.bytes))
      await tree.write(path, fetched.bytes);
  }
}

function isJson(bytes: Buffer): boolean {
  try {
    return typeof JSON.parse(bytes.toString('utf8')) === 'object';
  } catch {
    return false;
  }
}

/** Release pages are never copied: they say what verified manifests say, those that were only here included. */
async function pulledReleases(tree: Tree, survey: Survey): Promise<ReleaseIndex> {
  const index: ReleaseIndex = { rows: new Map(), unsigned: [], pages: new Map() };
  const pulled = new Set<string>();
  for (const { sha256, manifest, bytes } of survey.manifests) {
    addRelease(index, manifest, { sha256, size: bytes.length });
    pulled.add(sha256);
  }
  for (const name of await tree.list('manifests')) {
    const sha256 = name.replace(/\.json$/, '');
    if (!/^[0-9a-f]{64}$/.test(sha256) || pulled.has(sha256)) continue;
    await addLocal(tree, survey, index, sha256);
  }
  return index;
}

/** Manifests say nothing of it, so this mark is the one thing that is taken over from pages, here and there. */
async function keepWithdrawn(
  tree: Tree,
  survey: Survey,
  index: ReleaseIndex,
): Promise<void> {
  const { rows: here } = await loadReleases(tree, survey.root);
  const marked = [
    ...[...here].map(([product, releases]) => ({ product, releases })),
    ...survey.pages.map(({ page }) => page),
  ];
  for (const { product, releases } of marked) {
    for (const { version, withdrawn } of releases) {
      const row = findRow(index, product, version);
      if (row !== undefined && withdrawn !== undefined) row.withdrawn = withdrawn;
    }
  }
}

async function addLocal(
  tree: Tree,
  { root }: Survey,
  index: ReleaseIndex,
  sha256: string,
): Promise<void> {
  try {
    const { manifest, descriptor } = await readManifest(tree, root, sha256);
    addRelease(index, manifest, descriptor);
  } catch (error) {
    if (!(error instanceof QxError)) throw error;
  }
}
