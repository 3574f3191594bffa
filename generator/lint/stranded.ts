import gt from 'semver/functions/gt.js';
import lt from 'semver/functions/lt.js';
import type { Manifest } from '../../client/format/manifest.ts';
import type { Pointer } from '../../client/format/pointer.ts';
import { pointerPath } from '../../client/format/tree.ts';
import { admits } from '../../client/policy/release-policy.ts';
import { nextStone } from '../../client/policy/via.ts';
import type { Problems } from '../check/problems.ts';
import type { Survey } from '../check/survey.ts';

/** Whether every host that runs something which was published here gets to what its channel points to. */

type Manifests = ReadonlyMap<string, Manifest>;

/** A problem for each channel and architecture that some published versions do not get to, with their names. */
export function lintStranded(survey: Survey, problems: Problems): void {
  const manifests = new Map(
    survey.manifests.map(({ sha256, manifest }) => [sha256, manifest]),
  );
  for (const { pointer } of survey.pointers) {
    for (const arch of Object.keys(pointer.manifests)) {
      const versions = versionsFor(manifests, pointer.product, arch);
      const stranded = versions.filter(
        (version) =>
          lt(version, pointer.version) && !arrives(manifests, pointer, arch, version),
      );
      if (stranded.length > 0) report(manifests, pointer, arch, stranded, problems);
      const newer = versions.filter((version) => gt(version, pointer.version));
      if (pointer.rollback === true)
        lintFloors(manifests, pointer, arch, newer, problems);
    }
  }
}

/** What hosts of this architecture may run, withdrawn releases as well; the lowest first. */
function versionsFor(manifests: Manifests, product: string, arch: string): string[] {
  const own = releasesFor(manifests, product, arch);
  const versions = new Set(own.map(({ version }) => version));
  return [...versions].sort((a, b) => (lt(a, b) ? -1 : 1));
}

function releasesFor(manifests: Manifests, product: string, arch: string): Manifest[] {
  return [...manifests.values()].filter(
    (each) =>
      each.product === product &&
      (each.arch === arch || each.arch === 'any' || arch === 'any'),
  );
}

/** The highest floor that a release of this version leaves a host with. */
function floorAfter(
  manifests: Manifests,
  product: string,
  arch: string,
  version: string,
): number {
  const own = releasesFor(manifests, product, arch);
  const floors = own.map((each) => (each.version === version ? (each.floor ?? 0) : 0));
  return Math.max(0, ...floors);
}

/**
 * Goes the way of a host by the host's own rules. Each stone is higher than the one before, so there is an end. A release
 * that a host has run may have left it with a floor.
 */
function arrives(
  manifests: Manifests,
  pointer: Pointer,
  arch: string,
  from: string,
): boolean {
  let floor = floorAfter(manifests, pointer.product, arch, from);
  for (let version = from; ;) {
    const stone = nextStone(pointer, version);
    const target = chosen(manifests, (stone ?? pointer).manifests, arch);
    if (target === undefined || !admits(target, version) || target.release < floor)
      return false;
    if (stone === null) return true;
    floor = Math.max(floor, target.floor ?? 0);
    version = stone.version;
  }
}

function chosen(
  manifests: Manifests,
  byArch: Pointer['manifests'],
  arch: string,
): Manifest | undefined {
  return manifests.get((byArch[arch] ?? byArch.any)?.sha256 ?? '');
}

/** A step back that some newer versions' floor shuts out: no error, for that is what a floor is there for. */
function lintFloors(
  manifests: Manifests,
  pointer: Pointer,
  arch: string,
  newer: readonly string[],
  problems: Problems,
): void {
  const { product, channel, version } = pointer;
  const target = chosen(manifests, pointer.manifests, arch);
  if (target === undefined) return;
  const stay = newer.filter(
    (each) => floorAfter(manifests, product, arch, each) > target.release,
  );
  if (stay.length === 0) return;
  problems.warn(
    'rollback',
    'hosts of some newer versions do not go back to this release',
    {
      where: pointerPath(product, channel),
      expected: `${version} (release ${target.release}) at or above their floors, on ${arch}`,
      found: `a higher floor after ${named(stay)}`,
      hint: 'where a host of this channel runs one of them, point to a newer release',
    },
  );
}

const NAMED_MAX = 20;

function named(versions: readonly string[]): string {
  const rest =
    versions.length > NAMED_MAX ? ` and ${versions.length - NAMED_MAX} more` : '';
  return `${versions.slice(0, NAMED_MAX).join(', ')}${rest}`;
}

function report(
  manifests: Manifests,
  pointer: Pointer,
  arch: string,
  stranded: readonly string[],
  problems: Problems,
): void {
  const { product, channel, version } = pointer;
  const minimum = chosen(manifests, pointer.manifests, arch)?.min_version;
  problems.error(
    'not-for-host',
    'hosts of some published versions never get to this release',
    {
      where: pointerPath(product, channel),
      expected: `a way to ${version}${minimum === undefined ? '' : ` (min_version ${minimum})`} from each, on ${arch}`,
      found: `none from ${named(stranded)}`,
      hint: `name a release in between, at or above their floor: qx-repo point ${product} ${channel} ${version} --via "VERSION=RANGE"`,
    },
  );
}
