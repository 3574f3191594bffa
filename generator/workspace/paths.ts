import { join } from 'node:path';

/** Where things lie in a workspace; absolute when the workspace's folder is. */
export interface WorkspacePaths {
  /** The workspace itself. */
  root: string;
  /** quantix-repo.toml */
  config: string;
  /** The tree that is served. */
  public: string;
  /** NAME.key and NAME.pub, outside version control. */
  keys: string;
  /** Documents that wait for more signatures: `<sha256>.json` and `<sha256>.minisig`. */
  pending: string;
  /** Half-written files of a run; emptied at the start of the next one. Same file system as `public`. */
  staging: string;
  /** The highest serial of each channel that this workspace has seen. */
  serials: string;
  /** There when the workspace was made by `pull`: objects may be elsewhere. */
  pulled: string;
  /** What `prune` took out of the tree and the host may still have. */
  pruned: string;
  /** flock(2) is taken on this file. */
  lock: string;
  /** Who holds the lock, for the message that the second run prints. */
  holder: string;
}

export function workspacePaths(root: string): WorkspacePaths {
  return {
    root,
    config: join(root, 'quantix-repo.toml'),
    public: join(root, 'public'),
    keys: join(root, 'keys'),
    pending: join(root, 'pending'),
    staging: join(root, '.qx-repo', 'staging'),
    serials: join(root, 'serials.json'),
    pulled: join(root, '.qx-repo', 'pulled.json'),
    pruned: join(root, '.qx-repo', 'pruned.json'),
    lock: join(root, '.qx-repo', 'lock'),
    holder: join(root, '.qx-repo', 'holder'),
  };
}
