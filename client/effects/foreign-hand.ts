import type { FileInfo } from './effects.ts';

/** How somebody else than root and this program's user could change a file or folder, and what ends that. */
export interface ForeignHand {
  /** "belongs to user 1001", "can be written by others (mode 0777)" */
  why: string;
  /** The command to type, without the path. */
  cure: string;
}

/** Of lstat(2). */
interface Owned {
  type: FileInfo['type'];
  uid: number;
  gid: number;
  mode: number;
}

const STICKY = 0o1000;

/**
 * Undefined where only root and `user` can change it. A folder like /tmp, where nobody can take away or replace what
 * is another's, is none; nor is one open to a group of its owner alone, which by custom has the number of the owner:
 * what an ordinary user makes under umask 002. Whoever is in the group "root" is not root.
 */
export function foreignHand(
  { type, uid, gid, mode }: Owned,
  user: number,
): ForeignHand | undefined {
  if (uid !== 0 && uid !== user) {
    const owner = user === 0 ? 'root' : String(user);
    const how = type === 'link' ? 'chown -h' : 'chown';
    return { why: `belongs to user ${uid}`, cure: `${how} ${owner}` };
  }
  // What a link says is decided by who owns it.
  if (type === 'link' || (type === 'directory' && (mode & STICKY) !== 0))
    return undefined;
  const ownGroup = uid !== 0 && gid === uid;
  if ((mode & (ownGroup ? 0o002 : 0o022)) === 0) return undefined;
  const shown = mode.toString(8).padStart(4, '0');
  return { why: `can be written by others (mode ${shown})`, cure: 'chmod go-w' };
}
