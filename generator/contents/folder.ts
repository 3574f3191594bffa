import type { Files } from '../../client/effects/effects.ts';
import { type Found, toEntry, walkFolder } from '../../client/content/folder.ts';
import { QxError, printable } from '../../client/format/error.ts';
import { type TarEntry, compareEntries } from '../../client/format/tar.ts';
import { choosePaths } from './choose.ts';

export { packFolder } from '../../client/content/pack.ts';

/** An entry of a folder component, as packFolder wants it. */
export type FolderEntry = TarEntry;

const SET_ID = 0o6000;

/**
 * What a folder component holds, sorted as in its archive: everything below `path`, dot-files included, or
 * what the glob patterns choose ("!**\/*.map" leaves out), together with the folders above it.
 *
 * Throws QxError `malformed` with the path for what a host would refuse (devices, sockets, set-id files,
 * links that are absolute or leave the folder, names with control characters), and `config` when `path`
 * is no folder or the patterns choose nothing.
 */
export async function scanFolder(
  files: Files,
  path: string,
  patterns?: readonly string[],
): Promise<FolderEntry[]> {
  const root = await realFolder(files, path);
  const found = await allBelow(files, root);
  const chosen = patterns === undefined ? found : await choose(found, patterns, path);
  const entries: FolderEntry[] = [];
  for (const item of chosen) {
    refuseSetId(item);
    entries.push(await toEntry(files, root, item));
  }
  return entries.sort(compareEntries);
}

/** A link to a build's folder stands for that folder. */
async function realFolder(files: Files, path: string): Promise<string> {
  const root = await files.realPath(path).catch(() => path);
  if ((await files.info(root))?.type === 'directory') return root;
  throw new QxError('config', 'not a folder', { where: printable(path, 1024) });
}

async function allBelow(files: Files, root: string): Promise<Found[]> {
  const found: Found[] = [];
  for await (const item of walkFolder(files, root)) found.push(item);
  return found;
}

async function choose(
  found: Found[],
  patterns: readonly string[],
  path: string,
): Promise<Found[]> {
  const types = new Map(found.map((item) => [item.path, item.info.type]));
  const chosen = await choosePaths(types, patterns);
  if (chosen.size === 0) {
    throw new QxError('config', 'the patterns choose nothing', {
      where: printable(path, 1024),
      found: printable(patterns.join(' ')),
    });
  }
  return found.filter((item) => chosen.has(item.path));
}

/** The bits would be lost on the way, and the program would fail on the host, not here. */
function refuseSetId({ path, info }: Found): void {
  if (info.type !== 'file' || (info.mode & SET_ID) === 0) return;
  throw new QxError('malformed', 'a set-id file', {
    where: printable(path, 1024),
    found: `mode ${info.mode.toString(8).padStart(4, '0')}`,
    hint: 'chmod u-s,g-s it; a release gives no such rights',
  });
}
