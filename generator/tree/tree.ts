import { createHash, type Hash } from 'node:crypto';
import { dirname, join } from 'node:path';
import type { FileInfo, Files } from '../../client/effects/effects.ts';
import { listIfThere, readIfThere } from '../../client/effects/durable.ts';
import { QxError } from '../../client/format/error.ts';
import type { Descriptor } from '../../client/format/shapes.ts';
import { isImmutable } from '../../client/format/tree.ts';

export interface Change {
  /** Relative to the tree. */
  path: string;
  action: 'created' | 'replaced';
}

/** A tree on this machine. Paths are relative to it, with forward slashes (client/format/tree.ts). */
export interface Tree {
  /** Absolute folder. */
  readonly root: string;
  /** What this run wrote, or would have written with --dry-run, in order. */
  readonly changes: readonly Change[];
  /** Null where there is no such file. */
  read(path: string, maxBytes: number): Promise<Buffer | null>;
  /** Names in a folder sorted by bytes; none where there is no folder. */
  list(folder: string): Promise<string[]>;
  info(path: string): Promise<FileInfo | null>;
  /**
   * The whole file, durably and at once. The same bytes are not written again;
   * other bytes under an immutable path are refused (QxError `digest`).
   */
  write(path: string, bytes: Uint8Array): Promise<void>;
  /** Moves a finished, fsynced file in as an object; one that is there already is compared and kept. */
  adopt(staged: string, path: string, descriptor: Descriptor): Promise<void>;
  /** Takes one file away; one that is not there is no error. */
  remove(path: string): Promise<void>;
}

const COMPARE_BYTES = 1 << 20;

/** `staging` must be on the same file system as `root`, outside of it. */
export function openTree(
  files: Files,
  root: string,
  staging: string,
  dryRun = false,
): Tree {
  const changes: Change[] = [];
  const remembered = new Map<string, Buffer>();
  const at = (path: string): string => join(root, path);
  let count = 0;

  const info = (path: string): Promise<FileInfo | null> => files.info(at(path));
  const note = (path: string, there: boolean): void => {
    changes.push({ path, action: there ? 'replaced' : 'created' });
  };
  const moveIn = async (from: string, path: string): Promise<void> => {
    await makeServedFolder(files, root, dirname(path));
    await files.rename(from, at(path));
    await files.syncDirectory(dirname(at(path)));
  };

  return {
    root,
    changes,
    info,
    read: async (path, maxBytes) =>
      remembered.get(path) ?? (await readIfThere(files, at(path), maxBytes)),
    list: async (folder) => {
      const names = await listIfThere(files, at(folder));
      const prefix = `${folder}/`;
      const more = [...remembered.keys()].filter((path) => path.startsWith(prefix));
      if (more.length === 0) return names;
      const first = more.map((path) => path.slice(prefix.length).split('/')[0] ?? '');
      return [...new Set([...names, ...first])].sort((a, b) => (a < b ? -1 : 1));
    },
    write: async (path, bytes) => {
      const there = await info(path);
      if (there !== null && (await sameBytes(files, at(path), there, bytes))) return;
      if (there !== null && isImmutable(path)) throw otherBytes(at(path));
      note(path, there !== null);
      if (dryRun) {
        remembered.set(path, Buffer.from(bytes));
        return;
      }
      const temporary = join(staging, `file-${(count += 1)}`);
      await writeStaged(files, temporary, bytes);
      await moveIn(temporary, path);
    },
    adopt: async (staged, path, descriptor) => {
      const there = await info(path);
      if (there !== null) {
        if (!(await holds(files, at(path), there, descriptor)))
          throw otherBytes(at(path));
        await files.remove(staged);
        return;
      }
      note(path, false);
      if (dryRun) await files.remove(staged);
      else await moveIn(staged, path);
    },
    remove: async (path) => {
      if (!dryRun) await files.remove(at(path));
    },
  };
}

/** Folders of the tree are 0755 whatever the umask is: a web server runs as somebody else. */
async function makeServedFolder(
  files: Files,
  root: string,
  folder: string,
): Promise<void> {
  const path = folder === '.' ? root : join(root, folder);
  if ((await files.info(path)) !== null) return;
  if (path !== root) await makeServedFolder(files, root, dirname(folder));
  await files.makeDirectory(path, 0o755);
  await files.setMode(path, 0o755);
  await files.syncDirectory(dirname(path));
}

async function writeStaged(files: Files, path: string, bytes: Uint8Array): Promise<void> {
  await files.makeDirectory(dirname(path), 0o700);
  await files.remove(path);
  const file = await files.open(path, 'create', 0o644);
  try {
    await file.write(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function sameBytes(
  files: Files,
  path: string,
  there: FileInfo,
  bytes: Uint8Array,
): Promise<boolean> {
  if (there.type !== 'file' || there.size !== bytes.length) return false;
  return (await files.read(path, bytes.length)).equals(bytes);
}

async function holds(
  files: Files,
  path: string,
  there: FileInfo,
  descriptor: Descriptor,
): Promise<boolean> {
  if (there.type !== 'file' || there.size !== descriptor.size) return false;
  return (await hashOf(files, path, createHash('sha256'))) === descriptor.sha256;
}

async function hashOf(files: Files, path: string, hash: Hash): Promise<string> {
  const file = await files.open(path, 'read');
  const buffer = Buffer.alloc(COMPARE_BYTES);
  try {
    for (let position = 0; ;) {
      const count = await file.read(buffer, position);
      if (count === 0) return hash.digest('hex');
      hash.update(buffer.subarray(0, count));
      position += count;
    }
  } finally {
    await file.close();
  }
}

function otherBytes(where: string): QxError {
  return new QxError('digest', 'a file that never changes holds other bytes', {
    where,
    hint: 'its name promises its content: find out who wrote it, then remove it and run again',
  });
}
