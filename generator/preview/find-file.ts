import { join, sep } from 'node:path';
import { isMissing } from '../../client/effects/files.ts';
import type { FileInfo, Files } from '../../client/effects/effects.ts';

export interface ServedFile {
  /** Relative to the tree. */
  path: string;
  /** Absolute, every link resolved. */
  file: string;
  info: FileInfo;
}

/**
 * The file that a request target names below `root` (absolute, links resolved). Null for everything else:
 * folders, dot-files, names with a slash or a null byte in disguise, and links that lead out of the tree.
 */
export async function findFile(
  files: Files,
  root: string,
  target: string,
): Promise<ServedFile | null> {
  const path = treePath(target);
  if (path === null) return null;
  try {
    const file = await files.realPath(join(root, path));
    if (!file.startsWith(`${root}${sep}`)) return null;
    const info = await files.info(file);
    return info?.type === 'file' ? { path, file, info } : null;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** `/channels/a/b.json?x` → `channels/a/b.json`; a folder is asked for its index.html. */
export function treePath(target: string): string | null {
  const [raw = ''] = target.split(/[?#]/);
  if (!raw.startsWith('/')) return null;
  const parts = raw.slice(1).split('/').map(decoded);
  if (parts.at(-1) === '') parts[parts.length - 1] = 'index.html';
  const fine = parts.every(
    (part) =>
      part !== null && part !== '' && !part.startsWith('.') && !/[/\\\0]/.test(part),
  );
  return fine ? parts.join('/') : null;
}

function decoded(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}
