import { listIfThere, readIfThere, writeDurably } from '../effects/durable.ts';
import type { Session } from '../session.ts';
import { ifPossible } from '../traces.ts';
import { type Generation, readGenerations } from './generations.ts';

const VERSION_BYTES_MAX = 4096;

/**
 * `/data/versions/<component>.version`, one line each, for readers of the older layout: what is current, and nothing
 * of a component that is not. Files of other names are somebody else's. No program of ours reads them, and that they
 * cannot be written stops nothing.
 */
export async function tellVersions(
  session: Session,
  current: Generation | null,
): Promise<void> {
  const folder = session.config.versionsDir;
  if (folder === null) return;
  await ifPossible(session, async () => {
    const { files } = session.fx;
    const { whole } = await readGenerations(files, session.layout);
    const versions = new Map(
      current?.entries.map(({ name, version }) => [name, version]),
    );
    const known = whole.flatMap(({ entries }) => entries.map(({ name }) => name));
    const there = new Set(await listIfThere(files, folder));
    for (const name of new Set([...known, ...versions.keys()])) {
      const file = `${name}.version`;
      const version = versions.get(name);
      if (version !== undefined) await tell(session, folder, file, version);
      else if (there.has(file)) await files.remove(`${folder}/${file}`);
    }
  });
}

async function tell(
  { fx: { files } }: Session,
  folder: string,
  name: string,
  version: string,
): Promise<void> {
  const path = `${folder}/${name}`;
  const line = Buffer.from(`${version}\n`);
  const standing = await readIfThere(files, path, VERSION_BYTES_MAX);
  if (standing?.equals(line) === true) return;
  await files.makeDirectory(folder, 0o755);
  try {
    await writeDurably(files, path, line);
  } catch (error) {
    // No later run would look for it.
    await files.remove(`${path}.new`).catch(() => undefined);
    throw error;
  }
}
