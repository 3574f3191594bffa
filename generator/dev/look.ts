import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { FileInfo, Files } from '../../client/effects/effects.ts';
import { isMissing } from '../../client/effects/files.ts';
import { walkFolder } from '../../client/content/folder.ts';
import { QxError, printable } from '../../client/format/error.ts';

/** Something that is watched: a component or a file of settings. */
export interface Watched {
  name: string;
  /** Absolute. */
  path: string;
}

/**
 * How things stand, by name: a text that is another one after every change, or null where nothing is yet.
 * A linker that has opened its output, a folder that was emptied to be built anew: that is nothing yet, too.
 */
export type Marks = ReadonlyMap<string, string | null>;

export interface Look {
  marks: Marks;
  /** When the newest change was made, by the clock of the file system. */
  changedMs: number;
}

/**
 * Looks at everything that is watched. Times and sizes are compared, not bytes, and nobody is asked for
 * notifications: those do not come from network shares and from the disks of virtual machines.
 */
export async function look(files: Files, all: readonly Watched[]): Promise<Look> {
  const marks = new Map<string, string | null>();
  let changedMs = 0;
  for (const { name, path } of all) {
    const mark = await markOf(files, path);
    marks.set(name, mark?.text ?? null);
    changedMs = Math.max(changedMs, mark?.changedMs ?? 0);
  }
  return { marks, changedMs };
}

interface Mark {
  text: string;
  changedMs: number;
}

async function markOf(files: Files, path: string): Promise<Mark | null> {
  try {
    // A link to what was built counts as what it leads to.
    const real = await files.realPath(path);
    const info = await files.info(real);
    if (info === null) return null;
    if (info.type === 'directory') return await folderMark(files, real, info);
    if (info.type === 'file' && info.size === 0) return null;
    return { text: `${real} ${textOf(info)}`, changedMs: info.changedMs };
  } catch (error) {
    return whileLooking(error);
  }
}

async function folderMark(
  files: Files,
  root: string,
  info: FileInfo,
): Promise<Mark | null> {
  const lines: string[] = [];
  let { changedMs } = info;
  let holdsFiles = false;
  for await (const found of walkFolder(files, root)) {
    lines.push(`${found.path} ${textOf(found.info)}`);
    changedMs = Math.max(changedMs, found.info.changedMs);
    holdsFiles ||= found.info.type !== 'directory';
  }
  if (!holdsFiles) return null;
  const hash = createHash('sha256').update(lines.sort().join('\n')).digest('hex');
  return { text: `${join(root, '/')} ${textOf(info)} ${hash}`, changedMs };
}

function textOf({ type, size, mode, modifiedMs, changedMs }: FileInfo): string {
  return [type, size, mode, modifiedMs, changedMs].join(' ');
}

/** What went away under the eye is not there yet; what cannot be looked at is for the publication to refuse. */
function whileLooking(error: unknown): Mark | null {
  const vanished = error instanceof QxError && error.code === 'disk';
  if (vanished || isMissing(error)) return null;
  return { text: printable(`${String(error)}`, 400), changedMs: 0 };
}

export function sameMarks(a: Marks, b: Marks): boolean {
  return a.size === b.size && changedNames(a, b).length === 0;
}

/** Names whose mark in `b` is not the one in `a`. */
export function changedNames(a: Marks, b: Marks): string[] {
  return [...b].filter(([name, mark]) => a.get(name) !== mark).map(([name]) => name);
}
