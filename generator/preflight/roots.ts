import { QxError } from '../../client/format/error.ts';
import { LIMITS } from '../../client/format/limits.ts';
import type { Root } from '../../client/format/root.ts';
import { rootPath } from '../../client/format/tree.ts';
import { firstRoot } from '../../client/format/trust.ts';
import { walkRoots } from '../../client/reader/roots.ts';
import type { Source } from '../../client/reader/source.ts';
import { sha256Of } from '../tree/digest.ts';
import type { Comparison, Preflight } from './comparison.ts';
import { raced } from './raced.ts';

/** Each root that is served must be one of ours, of which `root` is the newest. Gives how many are served. */
export async function compareRoots(
  { workspace, source }: Pick<Comparison, 'workspace' | 'source'>,
  root: Root,
  found: Preflight,
): Promise<number> {
  for (let version = 1; version <= root.version; version += 1) {
    const served = await fetchRoot(source, version);
    if (served === null) return version - 1;
    const ours = await workspace.tree.read(rootPath(version), LIMITS.rootBytes);
    if (ours !== null && ours.equals(served.bytes)) continue;
    if (version === 1) refuseForeign(served, root.repository);
    const conflict = raced('another trust root is served under this number', {
      where: served.url,
      expected: ours === null ? 'none' : sha256Of(ours),
      found: sha256Of(served.bytes),
      hint:
        version === 1
          ? 'the host has another beginning of this repository: is the URL right'
          : `the served one counts: take ${rootPath(version)} and what came after it out of public/, pull, and make the change again`,
    });
    found.conflicts.push(conflict);
    return version;
  }
  const newest = await walkRoots(source, root, () => Promise.resolve());
  if (newest.version > root.version) {
    const conflict = raced('a newer trust root is served', {
      where: `${source.base}/${rootPath(newest.version)}`,
      expected: `root ${root.version} at the most`,
      found: `root ${newest.version}`,
    });
    found.conflicts.push(conflict);
  }
  return newest.version;
}

async function fetchRoot(source: Source, version: number) {
  const options = { maxBytes: LIMITS.rootBytes, fresh: true };
  const fetched = await source.get(rootPath(version), options);
  return fetched.status === 'found' ? fetched : null;
}

function refuseForeign(served: { bytes: Buffer; url: string }, expected: string): void {
  const { repository } = firstRoot(served.bytes, served.url);
  if (repository === expected) return;
  throw new QxError('malformed', 'another repository is served there', {
    where: served.url,
    expected,
    found: repository,
    hint: 'is this the URL of this repository',
  });
}
