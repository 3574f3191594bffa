import fs from 'node:fs';
import { promisify } from 'node:util';
import { QxError } from '../format/error.ts';
import { atOnce } from './at-once.ts';
import type { FileInfo, Files, OpenFile } from './effects.ts';
import { foreignHand } from './foreign-hand.ts';
import { lockFile } from './lock.ts';

const { constants } = fs;

const OPEN_FLAGS = {
  read: constants.O_RDONLY,
  create:
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
  // O_EXCL without O_CREAT: Linux refuses a block device that is in use, and ignores it elsewhere. See open(2).
  overwrite: constants.O_WRONLY | constants.O_EXCL | constants.O_NOFOLLOW,
  // A pipe that nobody reads is refused (ENXIO) where it would be waited for.
  append:
    constants.O_WRONLY |
    constants.O_CREAT |
    constants.O_APPEND |
    constants.O_NOFOLLOW |
    constants.O_NONBLOCK,
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
    read: atOnce((path, maxBytes) => {
      const file = fs.openSync(path, constants.O_RDONLY);
      return readBounded(file, path, maxBytes);
    }),
    readOwn: atOnce((path, maxBytes) => {
      const file = openOwn(path);
      return readBounded(file, path, maxBytes);
    }),
    info: atOnce(info),
    list: atOnce((path) => fs.readdirSync(path).sort(byBytes)),
    readLink: atOnce((path) => fs.readlinkSync(path)),
    realPath: atOnce((path) => fs.realpathSync.native(path)),
    freeBytes: atOnce((path) => {
      const { bavail, bsize } = fs.statfsSync(path);
      return bavail * bsize;
    }),
    totalBytes: atOnce((path) => {
      const { blocks, bsize } = fs.statfsSync(path);
      return blocks * bsize;
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
    takeOver: atOnce((path) => {
      fs.lchownSync(path, USER, process.getgid?.() ?? 0);
      fs.chmodSync(path, 0o700);
    }),
    syncDirectory: async (path) => {
      const folder = fs.openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
      await aside.sync(folder).finally(() => fs.closeSync(folder));
    },
    lock: atOnce(lockFile),
  };
}

/** What is looked at and what is read are one file, whatever the name comes to mean meanwhile. */
function openOwn(path: string): number {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  if (lstat(path)?.isSymbolicLink() === true) throw notOwn(path, 'a link');
  const file = fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  const { type, foreign } = infoOf(fs.fstatSync(file));
  // A folder tells by itself that it cannot be read.
  const why = type === 'other' ? 'no plain file' : foreign?.why;
  if (why === undefined) return file;
  fs.closeSync(file);
  throw notOwn(path, why);
}

function notOwn(path: string, found: string): QxError {
  return new QxError('config', 'somebody else could have put this file there', {
    where: path,
    expected: 'a plain file that only root and this user can change',
    found,
    hint: 'find out who; then move it away, and what is missing is made or fetched again',
  });
}

/** Closes `file`. */
function readBounded(file: number, path: string, maxBytes: number): Buffer {
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
  return stat === undefined ? null : infoOf(stat);
}

const USER = process.getuid?.() ?? 0;

function infoOf(stat: fs.Stats): FileInfo {
  const { uid, gid } = stat;
  const type = typeOf(stat);
  const mode = stat.mode & 0o7777;
  return {
    type,
    size: stat.size,
    mode,
    modifiedMs: stat.mtimeMs,
    changedMs: stat.ctimeMs,
    foreign: foreignHand({ type, uid, gid, mode }, USER),
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
