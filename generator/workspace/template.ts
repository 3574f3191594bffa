import { join } from 'node:path';
import type { Files } from '../../client/effects/effects.ts';
import { writeDurably } from '../../client/effects/durable.ts';

const FILE_BYTES_MAX = 4 * 1024 * 1024;
const EXECUTABLE = 0o111;

/**
 * Copies what is missing of a folder of templates into a workspace; what is there stays.
 * Gives the paths that were written, relative to the workspace.
 */
export async function copyTemplate(
  files: Files,
  from: string,
  to: string,
  dryRun: boolean,
): Promise<string[]> {
  const written: string[] = [];
  for (const name of await files.list(from)) {
    const source = join(from, name);
    const target = join(to, name);
    const info = await files.info(source);
    if (info?.type === 'directory') {
      const below = await copyTemplate(files, source, target, dryRun);
      written.push(...below.map((path) => `${name}/${path}`));
    } else if (info?.type === 'file' && (await files.info(target)) === null) {
      written.push(name);
      if (!dryRun) await copyFile(files, source, target, info.mode);
    }
  }
  return written;
}

async function copyFile(
  files: Files,
  from: string,
  to: string,
  mode: number,
): Promise<void> {
  const folder = join(to, '..');
  if ((await files.info(folder)) === null) {
    await files.makeDirectory(folder);
    await files.setMode(folder, 0o755);
  }
  const bytes = await files.read(from, FILE_BYTES_MAX);
  await writeDurably(files, to, bytes, (mode & EXECUTABLE) === 0 ? 0o644 : 0o755);
}

/** The first folder that exists. */
export async function findTemplate(
  files: Files,
  candidates: readonly string[],
): Promise<string | null> {
  for (const path of candidates) {
    if ((await files.info(path))?.type === 'directory') return path;
  }
  return null;
}
