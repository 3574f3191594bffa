import { join } from 'node:path';
import type { FileInfo, Files } from '../effects/effects.ts';
import { QxError, printable } from '../format/error.ts';
import { LIMITS } from '../format/limits.ts';
import {
  type TarEntry,
  checkEntryPath,
  checkLinkTarget,
  compareEntries,
} from '../format/tar.ts';

/** Something below a folder, as it lies on disk. */
export interface Found {
  /** Relative to the folder, with forward slashes. */
  path: string;
  info: FileInfo;
}

/** Everything below `root`, in no particular order. Links are found, not followed. */
export async function* walkFolder(files: Files, root: string): AsyncGenerator<Found> {
  const folders = [''];
  let count = 0;
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const name of await files.list(join(root, folder))) {
      const path = folder === '' ? name : `${folder}/${name}`;
      const info = await files.info(join(root, path));
      if (info === null) throw vanished(path);
      count += 1;
      if (count > LIMITS.folderEntries) throw tooMany(root);
      if (info.type === 'directory') {
        checkEntryPath(path);
        folders.push(path);
      }
      yield { path, info };
    }
  }
}

/** QxError `malformed` with the path for what a content may not hold: devices, links that leave, odd names. */
export async function toEntry(
  files: Files,
  root: string,
  found: Found,
): Promise<TarEntry> {
  const { path, info } = found;
  checkEntryPath(path);
  if (info.type === 'other') {
    throw new QxError('malformed', 'neither a plain file, a folder nor a symbolic link', {
      where: printable(path),
    });
  }
  const { type, mode } = info;
  if (type !== 'link') return { path, type, mode, size: type === 'file' ? info.size : 0 };
  const linkTarget = await files.readLink(join(root, path));
  checkLinkTarget(path, linkTarget);
  return { path, type, mode, size: 0, linkTarget };
}

/** All of a folder in the order of its archive. */
export async function listFolder(files: Files, root: string): Promise<TarEntry[]> {
  const entries: TarEntry[] = [];
  for await (const found of walkFolder(files, root)) {
    entries.push(await toEntry(files, root, found));
  }
  return entries.sort(compareEntries);
}

function vanished(path: string): QxError {
  return new QxError('disk', 'a file that was listed cannot be found', {
    where: printable(path),
    hint: 'its name may not be valid UTF-8, or the folder changed in between',
  });
}

function tooMany(root: string): QxError {
  return new QxError(
    'malformed',
    `a folder of more than ${LIMITS.folderEntries} entries`,
    {
      where: printable(root),
    },
  );
}
