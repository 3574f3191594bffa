import fs from 'node:fs';
import { promisify } from 'node:util';
import { QxError } from '../format/error.ts';
import { atOnce } from './at-once.ts';
import type { FileInfo, Files, OpenFile } from './effects.ts';
import { lockFile } from './lock.ts';

const { constants } = fs;

const OPEN_FLAGS = {
  read: constants.O_RDONLY,
  create:
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
  // O_EXCL without O_CREAT: Linux refuses a block device that is in use, and ignores it elsewhere. See open(2).
  overwrite: constants.O_WRONLY | constants.O_EXCL | constants.O_NOFOLLOW,
  append:
    constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW,
} as const;

/** Reading and writing much, and waiting for a medium, are left to Node's threads. */
const aside = {
  read: promisify(fs.read),
  write: promisify(fs.write),
  sync: promisify(fs.fsync),
};

/** What is written at once, to the kernel's memory. */
const SMALL_BYTES = 64 * 1024;

/** The disk of this machine. */
export function nodeFiles(): Files {
  return {
    read: atOnce(readBounded),
    info: atOnce(info),
    list: atOnce((path) => fs.readdirSync(path).sort(byBytes)),
    readLink: atOnce((path) => fs.readlinkSync(path)),
    realPath: atOnce((path) => fs.realpathSync.native(path)),
    freeBytes: atOnce((path) => {
      const { bavail, bsize } = fs.statfsSync(path);
      return bavail * bsize;
    }),
    open: atOnce((path, how, mode = 0o644) => {
      const file = fs.openSync(path, OPEN_FLAGS[how], mode);
      // The mode given to open(2) passes the umask; what is made here has exactly the mode asked for.
      if (how === 'create') fs.fchmodSync(file, mode);
      return openFile(file, path);
    }),
    makeDirectory: atOnce(makeDirectory),
    rename: atOnce((from, to) => fs.renameSync(from, to)),
    makeLink: atOnce((target, path) => fs.symlinkSync(target, path)),
    remove: atOnce((path) => unlessMissing(path, fs.unlinkSync)),
    removeDirectory: atOnce((path) => unlessMissing(path, fs.rmdirSync)),
    setMode: atOnce((path, mode) => fs.chmodSync(path, mode)),
    syncDirectory: async (path) => {
      const folder = fs.openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
      await aside.sync(folder).finally(() => fs.closeSync(folder));
    },
    lock: atOnce(lockFile),
  };
}

function readBounded(path: string, maxBytes: number): Buffer {
  const file = fs.openSync(path, constants.O_RDONLY);
  try {
    const { size } = fs.fstatSync(file);
    const buffer = Buffer.alloc(Math.min(Math.max(size, 4096), maxBytes) + 1);
    let filled = 0;
    for (;;) {
      // Where the last one ended: a pipe has no other place.
      const count = fs.readSync(file, buffer, filled, buffer.length - filled, null);
      filled += count;
      if (count === 0 || filled === buffer.length) break;
    }
    if (filled > maxBytes) {
      throw new QxError('malformed', `larger than ${maxBytes} bytes`, { where: path });
    }
    return buffer.subarray(0, filled);
  } finally {
    fs.closeSync(file);
  }
}

function info(path: string): FileInfo | null {
  const stat = lstat(path);
  if (stat === undefined) return null;
  return {
    type: typeOf(stat),
    size: stat.size,
    mode: stat.mode & 0o7777,
    modifiedMs: stat.mtimeMs,
    changedMs: stat.ctimeMs,
    uid: stat.uid,
  };
}

function lstat(path: string): fs.Stats | undefined {
  try {
    return fs.lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    // A file where a folder should be on the way there.
    if (isMissing(error)) return undefined;
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

function openFile(file: number, path: string): OpenFile {
  const write = async (
    bytes: Uint8Array,
    from: number,
    at: number | null,
  ): Promise<number> => {
    if (bytes.length <= SMALL_BYTES)
      return fs.writeSync(file, bytes, from, bytes.length - from, at);
    return (await aside.write(file, bytes, from, bytes.length - from, at)).bytesWritten;
  };
  return {
    read: async (buffer, position) =>
      (await named(path, aside.read(file, buffer, 0, buffer.length, position))).bytesRead,
    write: async (bytes, position) => {
      let done = 0;
      while (done < bytes.length) {
        const at = position === undefined ? null : position + done;
        done += await named(path, write(bytes, done, at));
      }
    },
    sync: () => named(path, aside.sync(file)),
    close: atOnce(() => fs.closeSync(file)),
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

function makeDirectory(path: string, mode = 0o755): void {
  try {
    fs.mkdirSync(path, { recursive: true, mode });
  } catch (error) {
    if (!isMissing(error)) throw error;
    // Node says "no such file" for a parent that is read-only; the plain call says what it is.
    fs.mkdirSync(path, mode);
  }
}

/** True for "there is nothing at this path". */
export function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** A read-only file system says so before it looks whether there is anything to remove. */
function unlessMissing(path: string, work: (path: string) => void): void {
  try {
    work(path);
  } catch (error) {
    if (isMissing(error)) return;
    const readOnly = (error as NodeJS.ErrnoException).code === 'EROFS';
    if (!readOnly || info(path) !== null) throw error;
  }
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
