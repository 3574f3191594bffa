import { QxError } from '../../client/format/error.ts';
import { LIMITS } from '../../client/format/limits.ts';
import {
  type ReleasePage,
  type ReleaseRow,
  parseReleasePage,
} from '../../client/format/repository-index.ts';
import { releasePagePath } from '../../client/format/tree.ts';
import { readManifest } from '../../client/reader/manifest.ts';
import { findRow, highestRelease, rowsOf } from '../tree/releases.ts';
import type { Source } from '../../client/reader/source.ts';
import { type Comparison, type Preflight, unsigned } from './comparison.ts';
import { raced } from './raced.ts';

/** A host that answers whatever it is asked for must not keep us for ever. */
const PAGES_MAX = 10_000;

/** Holds the releases that a host lists against ours. Gives how many there are. */
export async function compareReleases(
  comparison: Comparison,
  product: string,
  found: Preflight,
): Promise<number> {
  const { source } = comparison;
  let count = 0;
  for (let page = 1; page <= PAGES_MAX; page += 1) {
    const read = await unsigned(found, () => readPage(source, product, page));
    if (read === null) break;
    count += read.releases.length;
    for (const row of read.releases) await compareRow(comparison, product, row, found);
  }
  return count;
}

async function readPage(
  source: Source,
  product: string,
  page: number,
): Promise<ReleasePage | null> {
  const options = { maxBytes: LIMITS.releasePageBytes, fresh: true };
  const fetched = await source.get(releasePagePath(product, page), options);
  return fetched.status === 'found' ? parseReleasePage(fetched.bytes, fetched.url) : null;
}

/** A page is unsigned: what speaks against us must be a manifest that a host would take. */
async function compareRow(
  comparison: Comparison,
  product: string,
  served: ReleaseRow,
  found: Preflight,
): Promise<void> {
  const conflict = conflictOf(comparison, product, served);
  if (conflict === null) return;
  const { root, source } = comparison;
  const { version } = served;
  for (const [arch, descriptor] of Object.entries(served.manifests)) {
    const want = { repository: root.repository, product, version, arch };
    try {
      await readManifest(source, root, descriptor, want);
      found.conflicts.push(conflict);
      return;
    } catch (error) {
      if (!(error instanceof QxError)) throw error;
      found.warnings.push(error);
    }
  }
}

/**
 * Null when the release is ours, or one of an older number that was pruned here. One that is above all of
 * ours was published meanwhile: the indexes would forget it, and its number would be given out again.
 */
function conflictOf(
  { index, source }: Comparison,
  product: string,
  served: ReleaseRow,
): QxError | null {
  const { version, release } = served;
  const where = `${source.base} ${product} ${version}`;
  const ours = findRow(index, product, version);
  const say = (row: ReleaseRow): string =>
    `${row.version}, release ${row.release}, ${Object.entries(row.manifests)
      .map(([arch, { sha256 }]) => `${arch} ${sha256.slice(0, 16)}…`)
      .join(', ')}`;
  if (ours !== undefined) {
    if (isSame(ours, served)) return null;
    return raced('another publisher made this version', {
      where,
      expected: say(ours),
      found: say(served),
    });
  }
  const twin = rowsOf(index, product).find((row) => row.release === release);
  if (twin === undefined && release <= highestRelease(index, product)) return null;
  const message =
    twin === undefined
      ? 'a release that is not known here was published'
      : 'another publisher took this release number';
  const expected =
    twin === undefined
      ? `release ${highestRelease(index, product)} at the most`
      : say(twin);
  return raced(message, { where, expected, found: say(served) });
}

/** Every architecture that is served must be ours too; ours may have one more. */
function isSame(ours: ReleaseRow, served: ReleaseRow): boolean {
  return (
    ours.release === served.release &&
    Object.entries(served.manifests).every(
      ([arch, { sha256 }]) => ours.manifests[arch]?.sha256 === sha256,
    )
  );
}
