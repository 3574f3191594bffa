import { dirname } from 'node:path';
import { QxError } from '../format/error.ts';
import type { Files } from './effects.ts';
import { isMissing } from './files.ts';

/**
 * Writes a whole file so that a crash leaves the old bytes or the new ones:
 *
 *   open(path.new, O_EXCL) → write → fsync → close → rename(path.new, path) → fsync(folder)
 */
export async function writeDurably(
  files: Files,
  path: string,
  bytes: Uint8Array,
  mode = 0o644,
): Promise<void> {
  await files.rename(await writeBeside(files, path, bytes, mode), path);
  await files.syncDirectory(dirname(path));
}

/** The same on a FAT. */
export async function writeDurablyOnFat(
  files: Files,
  path: string,
  bytes: Uint8Array,
): Promise<void> {
  await renameOnFat(files, await writeBeside(files, path, bytes), path);
}

async function writeBeside(
  files: Files,
  path: string,
  bytes: Uint8Array,
  mode?: number,
): Promise<string> {
  const temporary = `${path}.new`;
  await files.remove(temporary);
  await createSynced(files, temporary, bytes, mode);
  return temporary;
}

/** A file that must not be there yet, its bytes on the disk. Its name is when the folder is synced. */
export async function createSynced(
  files: Files,
  path: string,
  bytes: Uint8Array,
  mode = 0o644,
): Promise<void> {
  const file = await files.open(path, 'create', mode);
  try {
    await file.write(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * A rename for FAT, which has no journal. Held open, the old file keeps its clusters until the entry that led there
 * is on the disk with those of the new one; that entry belongs to the file, not to the folder, so the file is synced.
 */
export async function renameOnFat(
  files: Files,
  from: string,
  path: string,
): Promise<void> {
  const old = (await files.info(path)) === null ? null : await files.open(path, 'read');
  try {
    await files.rename(from, path);
    const file = await files.open(path, 'read');
    await file.sync().finally(() => file.close());
    await files.syncDirectory(dirname(path));
  } finally {
    await old?.close();
  }
}

/**
 * Writes over the first bytes of a file that is there, for readers that know nothing of renames or journals, as
 * boot loaders do. What is longer than a sector may be torn by a crash:
 *
 *   open(path, O_WRONLY) → write → fsync → close → read back
 *
 * QxError `disk` when it does not read back.
 */
export async function overwriteDurably(
  files: Files,
  path: string,
  bytes: Uint8Array,
): Promise<void> {
  const file = await files.open(path, 'overwrite');
  try {
    await file.write(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  const again = await files.open(path, 'read');
  const found = Buffer.alloc(bytes.length);
  await again.read(found, 0).finally(() => again.close());
  if (found.equals(bytes)) return;
  throw new QxError('disk', 'what was written does not read back', { where: path });
}

/** The bytes of a file, or null where there is none. */
export async function readIfThere(
  files: Files,
  path: string,
  maxBytes: number,
): Promise<Buffer | null> {
  try {
    return await files.read(path, maxBytes);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** The same of a file that only this program writes: see Files.readOwn. */
export async function readOwnIfThere(
  files: Files,
  path: string,
  maxBytes: number,
): Promise<Buffer | null> {
  try {
    return await files.readOwn(path, maxBytes);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** The same for what may be lost: null as well where it is too large, or somebody else's. */
export async function readOwnIfSound(
  files: Files,
  path: string,
  maxBytes: number,
): Promise<Buffer | null> {
  try {
    return await readOwnIfThere(files, path, maxBytes);
  } catch (error) {
    if (error instanceof QxError) return null;
    throw error;
  }
}

/**
 * A file, link or folder with all that is in it; links are removed, never followed. Whoever owns a folder could put a
 * link in the place of one below it meanwhile, so what is somebody else's becomes ours first.
 */
export async function removeTree(files: Files, path: string): Promise<void> {
  const info = await files.info(path);
  if (info === null) return;
  if (info.type !== 'directory') {
    await files.remove(path);
    return;
  }
  if (info.foreign !== undefined) await files.takeOver(path);
  for (const name of await files.list(path)) await removeTree(files, `${path}/${name}`);
  await files.removeDirectory(path);
}

/**
 * The same in one step for everybody who looks: first renamed to `aside`, on the same file system, then removed.
 * What an earlier run left at `aside` goes too. So nothing half removed bears a name that means something.
 */
export async function discard(files: Files, path: string, aside: string): Promise<void> {
  await removeTree(files, aside);
  if ((await files.info(path)) === null) return;
  await files.rename(path, aside);
  await removeTree(files, aside);
}

/** Names in a folder; none where there is no folder. */
export async function listIfThere(files: Files, path: string): Promise<string[]> {
  try {
    return await files.list(path);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}
