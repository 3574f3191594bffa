import { posix } from 'node:path';
import { fileStream } from '../content/stream.ts';
import { removeTree } from '../effects/durable.ts';
import type { Files } from '../effects/effects.ts';
import { QxError } from '../format/error.ts';
import { type GenerationEntry, readLinkIfThere } from './generations.ts';
import type { Layout } from './layout.ts';

/** One install path of this host, as it is on the disk (with --root) and as the manifest names it. */
export interface InstallPath {
  name: string;
  /** As in the manifest. */
  path: string;
  /** On this disk. */
  real: string;
}

/**
 * What stands at an install path: our link, nothing, something that must be set aside first, or what is left of
 * a folder that was set aside whole and whose removal was cut off.
 */
export async function standing(
  files: Files,
  layout: Layout,
  place: InstallPath,
): Promise<'ours' | 'nothing' | 'foreign' | 'leaving'> {
  const info = await files.info(place.real);
  if (info === null) return 'nothing';
  if (info.type === 'other') {
    throw new QxError('disk', 'the install path is neither file, folder nor link', {
      where: place.real,
    });
  }
  const target = await readLinkIfThere(files, place.real);
  if (target === (await linkTarget(files, layout, place))) return 'ours';
  return (await files.info(besides(place, 'leaving'))) === null ? 'foreign' : 'leaving';
}

/**
 * What the link at an install path says: relative, so that it holds below --root as on the appliance.
 *
 *   /data/bin/qx-node → ../components/current/qx-node
 */
export async function linkTarget(
  files: Files,
  layout: Layout,
  place: InstallPath,
): Promise<string> {
  const folder = await realFolder(files, posix.dirname(place.real));
  const components = await realFolder(files, layout.components);
  return posix.relative(folder, `${components}/current/${place.name}`);
}

/** The real path of a folder, or of the part of it that exists. */
async function realFolder(files: Files, path: string): Promise<string> {
  if ((await files.info(path)) !== null) return files.realPath(path);
  return `${await realFolder(files, posix.dirname(path))}/${posix.basename(path)}`;
}

/** Copies what stands at a path to baked/<n>/<name>; the original is not touched. */
export async function setAside(
  files: Files,
  layout: Layout,
  number: number,
  place: InstallPath,
): Promise<GenerationEntry> {
  const copy = `${layout.baked}/${number}/${place.name}`;
  await removeTree(files, copy);
  await files.makeDirectory(posix.dirname(copy), 0o755);
  await copyTree(files, place.real, copy);
  await files.syncDirectory(posix.dirname(copy));
  return {
    name: place.name,
    install_path: place.path,
    target: `../../baked/${number}/${place.name}`,
  };
}

/** Files, folders and links with their modes, synced; anything else is refused. */
async function copyTree(files: Files, from: string, to: string): Promise<void> {
  const info = await files.info(from);
  if (info?.type === 'link') {
    // The copy lies elsewhere, so a relative link is written out in full.
    await files.makeLink(
      posix.resolve(posix.dirname(from), await files.readLink(from)),
      to,
    );
  } else if (info?.type === 'directory') {
    await files.makeDirectory(to, 0o755);
    for (const name of await files.list(from)) {
      await copyInner(files, `${from}/${name}`, `${to}/${name}`);
    }
    await files.setMode(to, info.mode);
    await files.syncDirectory(to);
  } else if (info?.type === 'file') {
    await copyFile(files, from, to, info.mode);
  } else {
    throw new QxError('disk', 'cannot set this aside: neither file, folder nor link', {
      where: from,
    });
  }
}

/** Inside a folder that is copied as a whole a link keeps its words. */
async function copyInner(files: Files, from: string, to: string): Promise<void> {
  const target = await readLinkIfThere(files, from);
  if (target === null) await copyTree(files, from, to);
  else await files.makeLink(target, to);
}

async function copyFile(
  files: Files,
  from: string,
  to: string,
  mode: number,
): Promise<void> {
  const file = await files.open(to, 'create', mode);
  try {
    for await (const piece of fileStream(files, from)) await file.write(piece);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Puts our link at an install path. Over a file or a link that is one rename. A folder cannot be replaced in
 * one step: it is moved aside, the link takes its name, then the old folder goes; a crash in between leaves
 * the name empty until the next run, and the content is at baked/<n>/<name> all the while.
 */
export async function putLink(
  files: Files,
  layout: Layout,
  place: InstallPath,
): Promise<void> {
  const folder = posix.dirname(place.real);
  await files.makeDirectory(folder, 0o755);
  const temporary = besides(place, 'new');
  await files.remove(temporary);
  await files.makeLink(await linkTarget(files, layout, place), temporary);
  if ((await files.info(place.real))?.type === 'directory')
    await moveAway(files, layout, place);
  await files.rename(temporary, place.real);
  await files.syncDirectory(folder);
  await tidyUp(files, place);
}

/**
 * A folder of an overlay's lower layer cannot be renamed (EXDEV) and has to be removed where it is. A crash may
 * leave a part of it; the mark beside it says that the part is not to be set aside in the place of the whole.
 */
async function moveAway(files: Files, layout: Layout, place: InstallPath): Promise<void> {
  const aside = besides(place, 'old');
  await removeTree(files, aside);
  try {
    await files.rename(place.real, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    const mark = besides(place, 'leaving');
    await files.remove(mark);
    await files.makeLink(layout.baked, mark);
    await files.syncDirectory(posix.dirname(mark));
    await removeTree(files, place.real);
  }
}

/** Removes what putLink leaves beside a link that is in its place. */
export async function tidyUp(files: Files, place: InstallPath): Promise<void> {
  await files.remove(besides(place, 'leaving'));
  await files.remove(besides(place, 'new'));
  await removeTree(files, besides(place, 'old'));
}

/** `/data/bin/.qx-node.quantix-new`: beside the install path, on its file system. */
function besides(place: InstallPath, what: string): string {
  return `${posix.dirname(place.real)}/.${posix.basename(place.real)}.quantix-${what}`;
}
