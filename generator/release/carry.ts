import semver from 'semver';
import { QxError } from '../../client/format/error.ts';
import type { Component } from '../../client/format/manifest.ts';
import type { ReleaseRow } from '../../client/format/repository-index.ts';
import { type StoredManifest, findRelease, findRow } from '../tree/releases.ts';
import { knownPointer } from './issue-pointer.ts';
import type { ReleasePlan } from './plan.ts';
import type { Session } from './session.ts';

/**
 * What the channel's release has and this one does not name; without a channel, the newest release. Where that
 * has not yet been built for this architecture, as when the second of two joins it, the newest before it that was.
 */
export async function carriedComponents(
  session: Session,
  plan: ReleasePlan,
): Promise<Component[]> {
  const base = await carryBase(session, plan);
  const named = new Set(plan.components.map(({ name }) => name));
  return base.manifest.components.filter(({ name }) => !named.has(name));
}

async function carryBase(session: Session, plan: ReleasePlan): Promise<StoredManifest> {
  const { workspace, root, index } = session;
  const { product, channel, arch } = plan;
  const ownVersion = async (): Promise<string | undefined> =>
    channel === undefined
      ? index.rows.get(product)?.at(-1)?.version
      : (await knownPointer(session, product, channel))?.version;
  const version = plan.carryFrom ?? (await ownVersion());
  const row = version === undefined ? undefined : rowBuiltFor(session, plan, version);
  if (row !== undefined) {
    const { manifests } = await findRelease(
      workspace.tree,
      root,
      index,
      product,
      row.version,
    );
    const base = manifests.get(arch) ?? manifests.get('any');
    if (base !== undefined) return base;
  }
  throw new QxError('usage', '--carry has nothing to take over from', {
    where: `${product}/${channel ?? '(newest release)'}, ${arch}`,
    hint: 'name all components of the first release',
  });
}

/** The release itself or the newest before it that has this architecture; a pre-release only for a pre-release. */
function rowBuiltFor(
  { index }: Session,
  { product, arch }: ReleasePlan,
  version: string,
): ReleaseRow | undefined {
  const base = findRow(index, product, version);
  const comesBefore = (row: ReleaseRow): boolean =>
    row.withdrawn === undefined &&
    semver.lt(row.version, version) &&
    (semver.prerelease(row.version) === null || semver.prerelease(version) !== null);
  const built = ({ manifests }: ReleaseRow): boolean =>
    manifests[arch] !== undefined || manifests.any !== undefined;
  if (base === undefined || built(base)) return base;
  const before = (index.rows.get(product) ?? []).filter(
    (row) => comesBefore(row) && built(row),
  );
  return before.sort((a, b) => semver.compare(a.version, b.version)).at(-1);
}
