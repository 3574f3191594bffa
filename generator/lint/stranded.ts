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
      const older = olderVersions(manifests, pointer, arch);
      const stranded = older.filter(
        (version) => !arrives(manifests, pointer, arch, version),
      );
      if (stranded.length > 0) report(manifests, pointer, arch, stranded, problems);
    }
  }
}

/** What hosts of this architecture may run, withdrawn releases as well. */
function olderVersions(manifests: Manifests, pointer: Pointer, arch: string): string[] {
  const own = [...manifests.values()].filter(
    (each) =>
      each.product === pointer.product &&
      (each.arch === arch || each.arch === 'any' || arch === 'any') &&
      lt(each.version, pointer.version),
  );
  const versions = [...new Set(own.map(({ version }) => version))];
  return versions.sort((a, b) => (lt(a, b) ? -1 : 1));
}

/** Goes the way of a host by the host's own rules. Each stone is higher than the one before, so there is an end. */
function arrives(
  manifests: Manifests,
  pointer: Pointer,
  arch: string,
  from: string,
): boolean {
  for (let version = from; ;) {
    const stone = nextStone(pointer, version);
    const target = chosen(manifests, (stone ?? pointer).manifests, arch);
    if (target === undefined || !admits(target, version)) return false;
    if (stone === null) return true;
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

const NAMED_MAX = 20;

function report(
  manifests: Manifests,
  pointer: Pointer,
  arch: string,
  stranded: readonly string[],
  problems: Problems,
): void {
  const { product, channel, version } = pointer;
  const minimum = chosen(manifests, pointer.manifests, arch)?.min_version;
  const rest =
    stranded.length > NAMED_MAX ? ` and ${stranded.length - NAMED_MAX} more` : '';
  problems.error(
    'not-for-host',
    'hosts of some published versions never get to this release',
    {
      where: pointerPath(product, channel),
      expected: `a way to ${version}${minimum === undefined ? '' : ` (min_version ${minimum})`} from each, on ${arch}`,
      found: `none from ${stranded.slice(0, NAMED_MAX).join(', ')}${rest}`,
      hint: `name a release in between: qx-repo point ${product} ${channel} ${version} --via "VERSION=RANGE"`,
    },
  );
}
