import { QxError } from '../../client/format/error.ts';
import { LIMITS } from '../../client/format/limits.ts';
import { type Manifest, parseManifest } from '../../client/format/manifest.ts';
import type { SignatureBlock } from '../../client/format/minisign/signature.ts';
import type { ReleaseRow } from '../../client/format/repository-index.ts';
import type { Root } from '../../client/format/root.ts';
import type { Descriptor } from '../../client/format/shapes.ts';
import { manifestPath, signaturePath } from '../../client/format/tree.ts';
import { type WantedManifest, checkManifest } from '../../client/reader/manifest.ts';
import { readSignatures, sha256Hex } from '../../client/reader/signatures.ts';
import type { Source } from '../../client/reader/source.ts';
import { checkBlocks } from './blocks.ts';
import type { Problems } from './problems.ts';

/** A document that names a manifest, and as what. */
export interface Naming {
  /** Path of that document. */
  by: string;
  descriptor: Descriptor;
  want: WantedManifest;
  release?: number;
  row?: ReleaseRow;
  /** True where hosts go by it: a pointer. */
  current: boolean;
}

export interface CheckedManifest {
  sha256: string;
  manifest: Manifest;
  bytes: Buffer;
  blocks: SignatureBlock[];
  /** True when a pointer names it. */
  current: boolean;
}

export interface FoundManifest {
  bytes: Buffer;
  blocks: SignatureBlock[];
}

/** Gets a manifest and its signatures from wherever they are; null when the manifest is nowhere. */
export type FindManifest = (sha256: string) => Promise<FoundManifest | null>;

export interface ManifestCheck {
  /** The current root first, then older ones. */
  roots: readonly Root[];
  find: FindManifest;
  problems: Problems;
}

export function manifestsIn(source: Source): FindManifest {
  return async (sha256) => {
    const options = { maxBytes: LIMITS.manifestBytes };
    const fetched = await source.get(manifestPath(sha256), options);
    if (fetched.status !== 'found') return null;
    return { bytes: fetched.bytes, blocks: await readSignatures(source, sha256) };
  };
}

/** One manifest held against every document that names it; undefined when no host would take it. */
export async function checkManifestFile(
  check: ManifestCheck,
  namings: readonly Naming[],
): Promise<CheckedManifest | undefined> {
  const { problems } = check;
  const first = namings.find((naming) => naming.current) ?? namings[0];
  if (first === undefined) throw new QxError('defect', 'a manifest that nothing names');
  const { sha256 } = first.descriptor;
  const found = await problems.attempt(() => check.find(sha256));
  if (found === null) reportMissing(problems, first);
  if (!found) return undefined;
  const current = namings.some((naming) => naming.current);
  const manifest = await problems.attempt(() => verify(check, first, found, current));
  if (manifest === undefined) return undefined;
  checkBlocks(check.roots, found.bytes, found.blocks, signaturePath(sha256), problems);
  for (const naming of namings) compareNaming(naming, manifest, found.bytes, problems);
  return { sha256, manifest, current, ...found };
}

/** Under the current root; what no pointer names may be signed under one that came before. */
function verify(
  check: ManifestCheck,
  naming: Naming,
  { bytes, blocks }: FoundManifest,
  current: boolean,
): Manifest {
  const { descriptor } = naming;
  const want = current ? naming.want : ownName(naming.want, bytes);
  const where = manifestPath(descriptor.sha256);
  const [newest, ...older] = check.roots;
  const judge = (root: Root): Manifest =>
    checkManifest(root, descriptor, want, bytes, blocks, where);
  if (newest === undefined) throw new QxError('defect', 'no root to check with');
  try {
    return judge(newest);
  } catch (error) {
    const tryOlder = error instanceof QxError && error.code === 'signature' && !current;
    const root = tryOlder ? older.find((each) => passes(() => judge(each))) : undefined;
    if (root === undefined) throw error;
    check.problems.warn('signature', 'signed under an older trust root only', {
      where,
      expected: `the release role of root ${newest.version}`,
      found: `that of root ${root.version}`,
      hint: 'no host takes this release any more; sign it anew before a channel points to it',
    });
    return judge(root);
  }
}

/** What a release page says of a manifest is compared later: nobody trusts a page. */
function ownName(want: WantedManifest, bytes: Buffer): WantedManifest {
  try {
    const { product, version, arch } = parseManifest(bytes);
    return { repository: want.repository, product, version, arch };
  } catch {
    return want;
  }
}

function passes(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}

function reportMissing(problems: Problems, { by, descriptor }: Naming): void {
  problems.error('digest', 'a manifest is missing', {
    where: manifestPath(descriptor.sha256),
    expected: `${descriptor.size} bytes, as ${by} says`,
    found: 'nothing',
    hint: 'publish the tree again: manifests go out before what names them',
  });
}

/** What a document says of a manifest, beside its digest. */
function compareNaming(
  naming: Naming,
  manifest: Manifest,
  bytes: Buffer,
  problems: Problems,
): void {
  const { by, descriptor, want, release, row } = naming;
  const pairs: [field: string, said: unknown, is: unknown][] = [
    ['size', descriptor.size, bytes.length],
    ['product', want.product, manifest.product],
    ['version', want.version, manifest.version],
    ['arch', want.arch, manifest.arch],
    ['release', release ?? manifest.release, manifest.release],
    ['release_date', row?.release_date ?? manifest.release_date, manifest.release_date],
    ['update_type', row?.update_type ?? manifest.update_type, manifest.update_type],
  ];
  for (const [field, said, is] of pairs) {
    // Two architectures of a release may have been published at different times.
    if (said === is || (field === 'release_date' && isJoined(row))) continue;
    problems.error('malformed', `not what the manifest says: ${field}`, {
      where: by,
      expected: `${String(is)} (${manifestPath(descriptor.sha256)})`,
      found: String(said),
    });
  }
}

function isJoined(row: ReleaseRow | undefined): boolean {
  return row !== undefined && Object.keys(row.manifests).length > 1;
}

/** A manifest that lies in the tree and that no document names. */
export async function checkUnlisted(
  check: ManifestCheck,
  repository: string,
  descriptor: Descriptor,
): Promise<CheckedManifest | undefined> {
  const { problems } = check;
  const where = manifestPath(descriptor.sha256);
  const found = await problems.attempt(() => check.find(descriptor.sha256));
  if (!found) return undefined;
  if (sha256Hex(found.bytes) !== descriptor.sha256) {
    problems.error('digest', 'a manifest is not what its name says', {
      where,
      expected: descriptor.sha256,
      found: sha256Hex(found.bytes),
    });
    return undefined;
  }
  if (found.blocks.length === 0) {
    problems.warn('signature', 'a manifest that nobody signed and nothing names', {
      where,
      hint: 'a run was cut off: run it again',
    });
    return undefined;
  }
  const manifest = await problems.attempt(() => parseManifest(found.bytes, where));
  if (manifest === undefined) return undefined;
  problems.warn('malformed', 'a release that is on no release page', {
    where,
    found: `${manifest.product} ${manifest.version} ${manifest.arch}`,
    hint: 'a run was cut off: run it again',
  });
  const { product, version, arch } = manifest;
  const want = { repository, product, version, arch };
  return checkManifestFile(check, [{ by: where, descriptor, want, current: false }]);
}

/** What must hold between the manifests of a tree. */
export function checkReleases(
  root: Root,
  manifests: readonly CheckedManifest[],
  problems: Problems,
): void {
  const versions = new Map<string, CheckedManifest>();
  const numbers = new Map<string, CheckedManifest>();
  const architectures = new Map<string, CheckedManifest>();
  for (const each of manifests) {
    const { product, version, arch, release } = each.manifest;
    checkFloor(root, each, problems);
    const twin = versions.get(`${product} ${version} ${arch}`);
    if (twin !== undefined) reportTwin(each, twin, problems);
    versions.set(`${product} ${version} ${arch}`, each);
    const other = numbers.get(`${product} ${release}`);
    if (other !== undefined && other.manifest.version !== version)
      reportSameNumber(each, other, problems);
    numbers.set(`${product} ${release}`, each);
    const sibling = architectures.get(`${product} ${version}`);
    if (sibling !== undefined && sibling.manifest.release !== release)
      reportTwoNumbers(each, sibling, problems);
    architectures.set(`${product} ${version}`, each);
  }
}

function checkFloor(root: Root, each: CheckedManifest, problems: Problems): void {
  const { product, version, release } = each.manifest;
  const floor = root.floors?.[product] ?? 0;
  if (!each.current || release >= floor) return;
  problems.error('rollback', 'a channel points below the floor of the trust root', {
    where: manifestPath(each.sha256),
    expected: `release ${floor} or later`,
    found: `release ${release} (${product} ${version})`,
    hint: 'every host refuses it: publish it again under a new version',
  });
}

function reportTwin(
  each: CheckedManifest,
  twin: CheckedManifest,
  problems: Problems,
): void {
  const { product, version, arch } = each.manifest;
  problems.error('rollback', 'one version with two contents', {
    where: manifestPath(each.sha256),
    expected: `one manifest of ${product} ${version} ${arch}`,
    found: `this one and ${manifestPath(twin.sha256)}`,
  });
}

function reportSameNumber(
  each: CheckedManifest,
  other: CheckedManifest,
  problems: Problems,
): void {
  problems.warn('rollback', 'two versions with one release number', {
    where: manifestPath(each.sha256),
    expected: `release ${each.manifest.release} once`,
    found: `${each.manifest.version} and ${other.manifest.version}`,
  });
}

/** All architectures of a version are one release. */
function reportTwoNumbers(
  each: CheckedManifest,
  sibling: CheckedManifest,
  problems: Problems,
): void {
  problems.error('malformed', 'two release numbers for one version', {
    where: manifestPath(each.sha256),
    expected: `release ${sibling.manifest.release}, as ${manifestPath(sibling.sha256)} says`,
    found: `release ${each.manifest.release}`,
  });
}
