import { posix } from 'node:path';
import { listIfThere } from '../effects/durable.ts';
import type { Files } from '../effects/effects.ts';
import type { Session } from '../session.ts';
import { readCurrent } from './generations.ts';
import { placeOf } from './install.ts';

/** Paths that only an unfinished run leaves, or one that was cut off: the next one uses them or takes them away. */
export async function findLeftovers(
  session: Pick<Session, 'fx' | 'config' | 'layout'>,
): Promise<string[]> {
  const { fx, config, layout } = session;
  const found: string[] = [];
  const look = async (folder: string, isLeftover: (name: string) => boolean) => {
    const names = await listIfThere(fx.files, folder);
    found.push(...names.filter(isLeftover).map((name) => `${folder}/${name}`));
  };
  await look(layout.staging, () => true);
  await look(layout.components, (name) => name.endsWith('.new'));
  await look(layout.generations, (name) => name.startsWith('.'));
  const empty = await emptyFolders(fx.files, layout.store);
  await look(layout.store, (name) => name.startsWith('.') || empty.has(name));
  await look(config.stateDir, (name) => /^(?:journal\.json|room)$|\.new$/.test(name));
  if (config.versionsDir !== null)
    await look(config.versionsDir, (name) => name.endsWith('.version.new'));
  for (const entry of (await readCurrent(fx.files, layout))?.entries ?? []) {
    const { real } = placeOf(session, entry);
    const beside = `.${posix.basename(real)}.quantix-`;
    await look(posix.dirname(real), (name) => name.startsWith(beside));
  }
  return found;
}

/** Names of folders that were made for something that never came, or from which all is gone. */
export async function emptyFolders(files: Files, folder: string): Promise<Set<string>> {
  const empty = new Set<string>();
  for (const name of await listIfThere(files, folder))
    if ((await listIfThere(files, `${folder}/${name}`)).length === 0) empty.add(name);
  return empty;
}
