import { posix } from 'node:path';
import * as v from 'valibot';
import { readIfThere, writeDurably } from '../effects/durable.ts';
import type { Files } from '../effects/effects.ts';
import { version } from '../format/shapes.ts';
import { ifPossible, type Session } from '../session.ts';
import { entryOf, type Generation, type GenerationEntry } from './generations.ts';

const BYTES_MAX = 1024;

/**
 * `/data/versions/<name>.version`, which programs of the older layout read when they start: the version of each component
 * that is from now on current, and no file where that is not known. Nothing of ours goes by them, so one that
 * cannot be written stops nothing.
 */
export async function tellVersions(
  session: Session,
  left: Generation | null,
  now: Generation | null,
): Promise<void> {
  const entries = [...(left?.entries ?? []), ...(now?.entries ?? [])];
  for (const name of new Set(entries.map((entry) => entry.name)))
    await ifPossible(session, () => tellVersion(session, name, versionOf(now, name)));
}

/** For an entry that is set aside: what the file says of it, for the way back. */
export async function toldVersion(
  session: Session,
  name: string,
): Promise<Pick<GenerationEntry, 'told'>> {
  const path = fileOf(session, name);
  if (path === null) return {};
  const bytes = await readIfThere(session.fx.files, path, BYTES_MAX).catch(() => null);
  const told = bytes?.toString('utf8').trim();
  return v.is(version, told) ? { told } : {};
}

function versionOf(now: Generation | null, name: string): string | undefined {
  const entry = entryOf(now, name);
  return entry?.version ?? entry?.told;
}

async function tellVersion(
  session: Session,
  name: string,
  said: string | undefined,
): Promise<void> {
  const { files } = session.fx;
  const path = fileOf(session, name);
  if (path === null) return;
  // What a run that was cut off had not given its name yet.
  await files.remove(`${path}.new`);
  const before = await readIfThere(files, path, BYTES_MAX);
  const line = said === undefined ? null : Buffer.from(`${said}\n`);
  if (line === null ? before === null : before?.equals(line) === true) return;
  const folder = posix.dirname(path);
  if (line === null) await files.remove(path);
  else await writeOrNothing(files, path, line);
  await files.syncDirectory(folder);
}

/** No later run would look for what a failing disk leaves beside it. */
async function writeOrNothing(files: Files, path: string, line: Buffer): Promise<void> {
  await files.makeDirectory(posix.dirname(path), 0o755);
  try {
    await writeDurably(files, path, line);
  } catch (error) {
    await files.remove(`${path}.new`).catch(() => undefined);
    throw error;
  }
}

/** Null on an appliance that has no such readers. */
function fileOf({ config }: Session, name: string): string | null {
  return config.versionsDir === null ? null : `${config.versionsDir}/${name}.version`;
}
