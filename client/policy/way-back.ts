import { QxError } from '../format/error.ts';
import type { InstalledRelease } from '../format/installed-release.ts';
import type { Root } from '../format/root.ts';
import { losesReleaseKey } from './memory.ts';

export interface WayBack {
  where: string;
  /** The words of `rollback` that name it. */
  named: string;
}

/**
 * A way back that nobody names stays with what the keys of today vouch for: after a theft, the release before may be
 * the thief's. `before` is the root that `installed` was verified under; null where it is not known any more.
 * QxError `signature`.
 */
export function checkReleaseKeys(
  installed: InstalledRelease | undefined,
  before: Root | null,
  root: Root,
  { where, named }: WayBack,
): void {
  if (installed === undefined) return;
  const { repository, version } = installed;
  const isOther = repository !== root.repository;
  if (!isOther && (before === null || !losesReleaseKey(before, root))) return;
  throw new QxError('signature', 'a release key was replaced since the release before', {
    where,
    expected: `a release under the release keys of root ${root.version} of ${root.repository}`,
    found: `${version}, under root ${installed.root ?? 'unknown'} of ${repository}`,
    hint: `if a key was stolen it may be the thief's; where it is known to be good: qx-update rollback ${named}`,
  });
}
