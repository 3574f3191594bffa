import { QxError, printable } from '../../client/format/error.ts';
import { LIMITS } from '../../client/format/limits.ts';
import { type Manifest, parseManifest } from '../../client/format/manifest.ts';
import type { SignatureBlock } from '../../client/format/minisign/signature.ts';
import { manifestPath } from '../../client/format/tree.ts';
import { sha256Of } from '../tree/digest.ts';
import { findRow, readManifest } from '../tree/releases.ts';
import { listPending } from '../workspace/pending.ts';
import { knownPointer } from './issue-pointer.ts';
import { installsTheSame } from './manifest.ts';
import type { ReleasePlan } from './plan.ts';
import type { Session } from './session.ts';

/** What stands for a manifest of one product, version and architecture. */
export interface Standing {
  manifest: Manifest;
  bytes: Buffer;
  blocks: SignatureBlock[];
  where: 'tree' | 'pending' | 'leftover';
}

/** The tree's own, one that waits for signatures, or what a run that was cut off left behind. */
export async function findStanding(
  session: Session,
  wanted: Manifest,
): Promise<Standing | undefined> {
  const { workspace, root, index } = session;
  const { product, version, arch } = wanted;
  const descriptor = findRow(index, product, version)?.manifests[arch];
  if (descriptor !== undefined) {
    const { manifest, bytes } = await readManifest(
      workspace.tree,
      root,
      descriptor.sha256,
    );
    return { manifest, bytes, blocks: [], where: 'tree' };
  }
  const same = (manifest: Manifest): boolean =>
    manifest.product === product &&
    manifest.version === version &&
    manifest.arch === arch;
  for (const document of await listPending(workspace)) {
    if (document.type !== 'manifest' || !same(document.manifest)) continue;
    const { manifest, bytes, blocks } = document;
    return { manifest, bytes, blocks, where: 'pending' };
  }
  for (const { sha256 } of index.unsigned) {
    const leftover = await readLeftover(session, sha256);
    if (leftover !== undefined && same(leftover.manifest)) return leftover;
  }
  return undefined;
}

/** The release that the channel has, where it installs what `build` makes of its version and number. */
export async function findCurrent(
  session: Session,
  { product, channel = '', arch }: ReleasePlan,
  build: (version: string, release: number) => Manifest,
): Promise<Standing | undefined> {
  const { workspace, root, index } = session;
  const known = await knownPointer(session, product, channel);
  const row = known === undefined ? undefined : findRow(index, product, known.version);
  const descriptor = row?.manifests[arch];
  if (row === undefined || descriptor === undefined || row.withdrawn !== undefined)
    return undefined;
  const { manifest, bytes } = await readManifest(workspace.tree, root, descriptor.sha256);
  return installsTheSame(manifest, build(row.version, row.release))
    ? { manifest, bytes, blocks: [], where: 'tree' }
    : undefined;
}

/** A manifest that a run wrote just before it was cut off: whole, and without a signature. */
async function readLeftover(
  session: Session,
  sha256: string,
): Promise<Standing | undefined> {
  const bytes = await session.workspace.tree.read(
    manifestPath(sha256),
    LIMITS.manifestBytes,
  );
  if (bytes === null || sha256Of(bytes) !== sha256) return undefined;
  try {
    return { manifest: parseManifest(bytes), bytes, blocks: [], where: 'leftover' };
  } catch (error) {
    if (error instanceof QxError) return undefined;
    throw error;
  }
}

/** A version never changes: what `qx-repo generate` says to other contents under a known one. */
export function otherContents(standing: Standing, wanted: Manifest): QxError {
  const [expected, found] = [contentsOf(standing.manifest), contentsOf(wanted)];
  const differ = expected !== found;
  return new QxError(
    'rollback',
    `${wanted.product} ${wanted.version} stands with other contents`,
    {
      where:
        standing.where === 'tree' ? manifestPath(sha256Of(standing.bytes)) : 'pending/',
      expected: differ ? printable(expected, 400) : 'the settings and notes that it has',
      found: differ ? printable(found, 400) : 'the same contents with others',
      hint: 'a version never changes: publish these contents under a new one (--bump)',
    },
  );
}

function contentsOf({ components, full_image: image }: Manifest): string {
  const named = components.map(({ name, content }) => ({ name, content }));
  if (image !== undefined) named.push({ name: '(system image)', content: image.content });
  return named
    .map(({ name, content }) => `${name} ${content.sha256.slice(0, 12)}`)
    .join(', ');
}
