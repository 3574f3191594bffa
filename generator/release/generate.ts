import { readIfThere } from '../../client/effects/durable.ts';
import { QxError, printable } from '../../client/format/error.ts';
import { LIMITS } from '../../client/format/limits.ts';
import {
  type Manifest,
  encodeManifest,
  parseManifest,
} from '../../client/format/manifest.ts';
import { manifestPath } from '../../client/format/tree.ts';
import { sha256Of } from '../tree/digest.ts';
import { findRow } from '../tree/releases.ts';
import { type Attached, inspectAttachment } from './attachments.ts';
import { carriedComponents } from './carry.ts';
import { refuseHopelessHealth } from './health.ts';
import { completedByImage } from './image.ts';
import { refuseHopelessMove, refuseWithdrawn } from './issue-pointer.ts';
import { type ContentsOptions, type Item, inspect, storeItems } from './contents.ts';
import {
  type ManifestParts,
  buildManifest,
  sameContents,
  undescribed,
} from './manifest.ts';
import { type MovedPointer, movePointer } from './move-pointer.ts';
import { currentVersion, releaseNumber } from './numbering.ts';
import type { ReleasePlan } from './plan.ts';
import {
  type Published,
  publishIndexes,
  publishManifest,
  signManifest,
} from './publish.ts';
import type { Session } from './session.ts';
import { type Standing, findCurrent, findStanding, otherContents } from './standing.ts';
import { type StoredContent, placeObjects } from './store-content.ts';
import { nextVersion } from './version.ts';

export interface Generated {
  manifest: Manifest;
  /** `unchanged`: the tree has this version with these contents already. */
  state: Published['state'] | 'unchanged';
  sha256: string;
  path: string;
  signatures: string;
  /** Names of components that were taken over from the channel's release. */
  carried: string[];
  /** Digests of contents that no recent release had. */
  fresh: Set<string>;
  /** Null without a channel, and while the manifest waits for signatures. */
  pointer: MovedPointer | null;
}

export interface GenerateOptions extends ContentsOptions {
  /** The channel's release stands when it installs the same; otherwise --bump makes another version of it. */
  unlessSame?: boolean;
  /** When all contents were read. What it throws comes before anything is signed. */
  onStored?: () => Promise<void>;
}

/**
 * Stores the contents, signs the manifest, moves the channel, writes the indexes, in this order: cut off
 * anywhere, the tree stays whole, and the same call again does the rest.
 *
 * QxError `rollback` for a version that stands with other contents.
 */
export async function generate(
  session: Session,
  asked: ReleasePlan,
  options: GenerateOptions,
): Promise<Generated> {
  const plan = await completedByImage(session.workspace.effects.files, asked);
  const parts = await gather(session, plan, options);
  await options.onStored?.();
  const stored = storedOf(parts);
  const fresh = new Set(
    stored.filter(({ staged }) => staged.length > 0).map(({ content }) => content.sha256),
  );
  const carried = parts.carried.map(({ name }) => name);
  const current =
    options.unlessSame === true ? await currentOf(session, parts) : undefined;
  const { manifest, standing } = current ?? (await settle(session, parts));
  const bytes = standing?.bytes ?? encodeManifest(manifest);
  if (standing?.where !== 'tree') await refuseHopeless(session, plan, manifest);
  // A signer that fails does so before anything is written.
  const blocks =
    standing?.where === 'tree'
      ? []
      : (await signManifest(session, bytes, standing?.blocks)).blocks;
  const named = namedDigests(parseManifest(bytes));
  await placeObjects(
    session.workspace.effects.files,
    session.workspace.tree,
    stored,
    named,
  );
  const published =
    standing?.where === 'tree'
      ? unchanged(bytes)
      : await publishManifest(session, bytes, blocks);
  const about = {
    manifest: standing?.manifest ?? manifest,
    ...published,
    carried,
    fresh,
  };
  const pointer = await moveChannel(
    session,
    plan,
    about.manifest.version,
    published.state,
  );
  await publishIndexes(session);
  return { ...about, pointer };
}

/** A release before its version is known. */
type Unnumbered = Omit<ManifestParts, 'version' | 'release'>;

/** What will be refused at the end is refused before anything is published. */
async function refuseHopeless(
  session: Session,
  plan: ReleasePlan,
  { version, release }: Manifest,
): Promise<void> {
  await session.keys.forRole(session.root, 'release');
  if (plan.channel === undefined) return;
  const draft = { product: plan.product, channel: plan.channel, version };
  await refuseHopelessMove(session, draft, release);
}

async function gather(
  session: Session,
  plan: ReleasePlan,
  options: ContentsOptions,
): Promise<Unnumbered> {
  const { files } = session.workspace.effects;
  const items: Item[] = [];
  for (const { name, path, patterns, fields } of plan.components) {
    if (fields.install_path === undefined) throw undescribed(name);
    const item = await inspect(files, name, path, patterns, fields.kind);
    refuseHopelessHealth(item, fields);
    items.push(item);
  }
  const attached: Attached[] = [];
  for (const each of plan.attachments)
    attached.push(await inspectAttachment(files, each));
  const extra = attached.map(({ item }) => item);
  if (plan.image !== undefined) {
    extra.push(await inspect(files, 'system image', plan.image.path, undefined, 'file'));
  }
  const carried = plan.carry ? await carriedComponents(session, plan) : [];
  const stored = await storeItems(session, plan, [...items, ...extra], options);
  const rest = stored.slice(items.length);
  return {
    repository: session.root.repository,
    plan,
    released: session.released,
    notes: await readNotes(session, plan),
    components: items.map((item, at) => ({ item, stored: stored[at] as StoredContent })),
    carried,
    image: plan.image === undefined ? undefined : rest.at(-1),
    attachments: attached.map(({ item: { name }, mediaType }, at) => ({
      name,
      mediaType,
      stored: rest[at] as StoredContent,
    })),
  };
}

async function currentOf(
  session: Session,
  parts: Unnumbered,
): Promise<{ manifest: Manifest; standing: Standing } | undefined> {
  const build = (version: string, release: number): Manifest =>
    buildManifest({ ...parts, version, release });
  const standing = await findCurrent(session, parts.plan, build);
  return standing === undefined ? undefined : { manifest: standing.manifest, standing };
}

/** The version, and what stands for it. With --bump, versions that hold something else are passed over. */
async function settle(
  session: Session,
  parts: Unnumbered,
): Promise<{ manifest: Manifest; standing: Standing | undefined }> {
  const { plan } = parts;
  const next = (version: string | undefined): string =>
    nextVersion(version, plan.preRelease === true ? 'dev' : plan.channel);
  let version = plan.version ?? next(await currentVersion(session, plan));
  for (;;) {
    const release = await releaseNumber(session, plan, version);
    const manifest = buildManifest({ ...parts, version, release });
    const standing = await findStanding(session, manifest);
    const row = findRow(session.index, plan.product, version);
    if (row?.withdrawn !== undefined) {
      if (plan.version !== undefined) refuseWithdrawn(row, plan.product);
      version = next(version);
      continue;
    }
    if (standing === undefined || sameContents(standing.manifest, manifest)) {
      return { manifest, standing };
    }
    if (standing.where === 'leftover') {
      await session.workspace.tree.remove(manifestPath(sha256Of(standing.bytes)));
      return { manifest, standing: undefined };
    }
    if (plan.version !== undefined) throw otherContents(standing, manifest);
    version = next(version);
  }
}

async function readNotes(
  session: Session,
  plan: ReleasePlan,
): Promise<string | undefined> {
  if (plan.notes !== undefined || plan.notesFile === undefined) return plan.notes;
  const { files } = session.workspace.effects;
  const bytes = await readIfThere(files, plan.notesFile, LIMITS.textCharacters);
  if (bytes !== null) return bytes.toString('utf8');
  throw new QxError('config', 'no such file', { where: printable(plan.notesFile, 1024) });
}

async function moveChannel(
  session: Session,
  plan: ReleasePlan,
  version: string,
  state: Generated['state'],
): Promise<MovedPointer | null> {
  if (plan.channel === undefined || state === 'pending') return null;
  return movePointer(session, { product: plan.product, channel: plan.channel, version });
}

function unchanged(bytes: Buffer) {
  const sha256 = sha256Of(bytes);
  return {
    state: 'unchanged' as const,
    sha256,
    path: manifestPath(sha256),
    signatures: '',
  };
}

function storedOf(
  parts: Pick<ManifestParts, 'components' | 'image' | 'attachments'>,
): StoredContent[] {
  const all = [...parts.components, ...parts.attachments].map(({ stored }) => stored);
  return parts.image === undefined ? all : [...all, parts.image];
}

/** Every object that a host may fetch for this manifest. */
function namedDigests(manifest: Manifest): Set<string> {
  const image = manifest.full_image;
  const contents = [...manifest.components, ...(image === undefined ? [] : [image])];
  const attached = (manifest.attachments ?? []).map(({ content }) => content.sha256);
  const sources = contents.flatMap((each) => each.sources.map(({ sha256 }) => sha256));
  return new Set([...attached, ...sources]);
}
