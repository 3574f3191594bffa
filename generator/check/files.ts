import { join } from 'node:path';
import { listIfThere } from '../../client/effects/durable.ts';
import type { FileInfo, Files } from '../../client/effects/effects.ts';
import { printable } from '../../client/format/error.ts';
import type { Problems } from './problems.ts';

export interface TreeFile {
  /** Relative to the tree, with forward slashes. */
  path: string;
  info: FileInfo;
}

const SHA256 = '[0-9a-f]{64}';
const NAME = '[a-z0-9][a-z0-9._-]*';

/** Folders of the tree that hold nothing but these. Anything may lie elsewhere: pages, styles, an older API. */
const KNOWN: readonly [folder: string, path: RegExp][] = [
  ['root', /^root\/[1-9]\d*\.json$/],
  ['channels', new RegExp(`^channels/${NAME}/${NAME}\\.json(?:\\.minisig)?$`)],
  ['manifests', new RegExp(`^manifests/${SHA256}\\.json$`)],
  ['signatures', new RegExp(`^signatures/${SHA256}\\.minisig$`)],
  ['objects', new RegExp(`^objects/([0-9a-f]{2})/\\1[0-9a-f]{62}$`)],
  ['schema', new RegExp(`^schema/${NAME}\\.schema\\.json$`)],
  ['deltas', new RegExp(`^deltas/${SHA256}/${SHA256}\\.json$`)],
  ['products', new RegExp(`^products/${NAME}/releases-[1-9]\\d*\\.json$`)],
];

/** Every file of a tree, sorted by path. Links are listed, not followed. */
export async function listFiles(files: Files, root: string): Promise<TreeFile[]> {
  const found: TreeFile[] = [];
  const folders = [''];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const name of await listIfThere(files, join(root, folder))) {
      const path = folder === '' ? name : `${folder}/${name}`;
      const info = await files.info(join(root, path));
      if (info === null) continue;
      if (info.type === 'directory') folders.push(path);
      else found.push({ path, info });
    }
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Warns of files that a static host drops, serves under another name, or that lie where they should not. */
export function checkNames(listing: readonly TreeFile[], problems: Problems): void {
  for (const { path, info } of listing) {
    const where = printable(path);
    const odd = oddName(path);
    if (odd !== null) problems.warn('malformed', odd, { where });
    else if (info.type !== 'file') {
      problems.warn('malformed', 'not a plain file: not every host serves it', {
        where,
        found: info.type,
      });
    } else if (isStray(path)) {
      problems.warn('malformed', 'a file that does not belong here', { where });
    }
  }
}

function oddName(path: string): string | null {
  const parts = path.split('/');
  if (parts.some((part) => part.startsWith('.')))
    return 'a dot-file: static hosts drop it';
  if (parts.some((part) => part.startsWith('_')))
    return 'a name with an underscore first: some static hosts drop it';
  if (/[A-Z]/.test(path)) return 'an upper-case name: not every host tells it apart';
  if (!/^[a-z0-9._~+/-]+$/.test(path)) return 'a name that needs escaping in a URL';
  return null;
}

function isStray(path: string): boolean {
  const known = KNOWN.find(([folder]) => path.startsWith(`${folder}/`));
  return known !== undefined && !known[1].test(path);
}
