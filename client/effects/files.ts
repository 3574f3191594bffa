import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import { QxError } from '../format/error.ts';
import type { FileInfo, Files, OpenFile } from './effects.ts';
import { lockFile } from './lock.ts';

const OPEN_FLAGS = {
  read: constants.O_RDONLY,
  create:
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
  // O_EXCL without O_CREAT: Linux refuses a block device that is in use, and ignores it elsewhere. See open(2).
  overwrite: constants.O_WRONLY | constants.O_EXCL | constants.O_NOFOLLOW,
  append:
    constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW,
} as const;

/** The disk of this machine. */
export function nodeFiles(): Files {
  return {
    read: readBounded,
    info,
    list: async (path) => (await fs.readdir(path)).sort(byBytes),
    readLink: (path) => fs.readlink(path),
    realPath: (path) => fs.realpath(path),
    freeBytes: async (path) => {
      const { bavail, bsize } = await fs.statfs(path);
      return bavail * bsize;
    },
    open: async (path, how, mode = 0o644) => {
      const file = await fs.open(path, OPEN_FLAGS[how], mode);
      // The mode given to open(2) passes the umask; what is made here has exactly the mode asked for.
      if (how === 'create') await file.chmod(mode);
      return openFile(file, path);
    },
    makeDirectory,
    rename: (from, to) => fs.rename(from, to),
    makeLink: (target, path) => fs.symlink(target, path),
    remove: (path) => unlessMissing(path, fs.unlink(path)),
    removeDirectory: (path) => unlessMissing(path, fs.rmdir(path)),
    setMode: (path, mode) => fs.chmod(path, mode),
    syncDirectory: async (path) => {
      const folder = await fs.open(path, constants.O_RDONLY | constants.O_DIRECTORY);
      await folder.sync().finally(() => folder.close());
    },
    lock: lockFile,
  };
}

async function readBounded(path: string, maxBytes: number): Promise<Buffer> {
  const file = await fs.open(path, constants.O_RDONLY);
  try {
    const { size } = await file.stat();
    const buffer = Buffer.alloc(Math.min(Math.max(size, 4096), maxBytes) + 1);
    let filled = 0;
    for (;;) {
      const { bytesRead } = await file.read(
        buffer,
        filled,
        buffer.length - filled,
        filled,
      );
      filled += bytesRead;
      if (bytesRead === 0 || filled === buffer.length) break;
    }
    if (filled > maxBytes) {
      throw new QxError('malformed', `larger than ${maxBytes} bytes`, { where: path });
    }
    return buffer.subarray(0, filled);
  } finally {
    await file.close();
  }
}

async function info(path: string): Promise<FileInfo | null> {
  try {
    const stat = await fs.lstat(path);
    return {
      type: typeOf(stat),
      size: stat.size,
      mode: stat.mode & 0o7777,
      modifiedMs: stat.mtimeMs,
      changedMs: stat.ctimeMs,
      uid: stat.uid,
    };
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

function typeOf(stat: {
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}) {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  return stat.isSymbolicLink() ? 'link' : 'other';
}

function openFile(file: fs.FileHandle, path: string): OpenFile {
  return {
    read: async (buffer, position) =>
      (await named(path, file.read(buffer, 0, buffer.length, position))).bytesRead,
    write: async (bytes, position) => {
      let done = 0;
      while (done < bytes.length) {
        const at = position === undefined ? null : position + done;
        const writing = file.write(bytes, done, bytes.length - done, at);
        done += (await named(path, writing)).bytesWritten;
      }
    },
    sync: () => named(path, file.sync()),
    close: () => file.close(),
  };
}

/** What a descriptor throws does not say which file it was. */
async function named<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw Object.assign(error as NodeJS.ErrnoException, { path });
  }
}

async function makeDirectory(path: string, mode = 0o755): Promise<void> {
  try {
    await fs.mkdir(path, { recursive: true, mode });
  } catch (error) {
    if (!isMissing(error)) throw error;
    // Node says "no such file" for a parent that is read-only; the plain call says what it is.
    await fs.mkdir(path, mode);
  }
}

/** True for "there is nothing at this path". */
export function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** A read-only file system says so before it looks whether there is anything to remove. */
async function unlessMissing(path: string, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (isMissing(error)) return;
    const readOnly = (error as NodeJS.ErrnoException).code === 'EROFS';
    if (!readOnly || (await info(path)) !== null) throw error;
  }
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
