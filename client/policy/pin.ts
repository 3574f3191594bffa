import { QxError } from '../format/error.ts';
import type { Root } from '../format/root.ts';

/** A root and the bytes that it was read from. */
export interface RootFile {
  root: Root;
  bytes: Buffer;
}

/** What this host has: the pinned root, and its copy of the version that is to be pinned, if it walked there. */
export interface Standing {
  pinned: RootFile | null;
  sameVersion: Buffer | null;
}

/**
 * Whether pinning `next` leaves the chain of roots that this host is on. Then whoever does it must have meant it:
 * the error says what would be left. Null when the chain goes on.
 */
export function leavesChain(
  next: RootFile,
  { pinned, sameVersion }: Standing,
  where: string,
): QxError | null {
  const { repository, version } = next.root;
  if (sameVersion !== null && !sameVersion.equals(next.bytes)) {
    return left('config', 'this host trusts another root of the same version', {
      where,
      expected: `the root ${version} of ${repository} that it walked to`,
      found: `another root ${version}`,
    });
  }
  if (pinned === null) return null;
  if (pinned.root.repository !== repository) {
    return left('config', 'this host has pinned a root of another repository', {
      where,
      expected: pinned.root.repository,
      found: repository,
    });
  }
  if (pinned.root.version <= version) return null;
  return left('rollback', 'this host has pinned a newer root', {
    where,
    expected: `version ${pinned.root.version} or later`,
    found: `version ${version}`,
  });
}

function left(
  code: 'config' | 'rollback',
  message: string,
  details: { where: string; expected: string; found: string },
): QxError {
  const hint =
    '--replace begins anew with the given one; what was walked to is forgotten';
  return new QxError(code, message, { ...details, hint });
}
