import { join } from 'node:path';
import { listIfThere } from '../../client/effects/durable.ts';
import type { Files } from '../../client/effects/effects.ts';
import { QxError } from '../../client/format/error.ts';
import { LIMITS } from '../../client/format/limits.ts';
import { parsePublicKeyFile } from '../../client/format/minisign/public-key.ts';

/** Key id → NAME, of every NAME.pub in a folder. What is no public key is passed over. */
export async function keyNames(
  files: Files,
  folder: string,
): Promise<Map<string, string>> {
  const names = new Map<string, string>();
  for (const file of await listIfThere(files, folder)) {
    if (!file.endsWith('.pub')) continue;
    const id = await idIn(files, join(folder, file));
    if (id !== null) names.set(id, file.slice(0, -'.pub'.length));
  }
  return names;
}

/** How a key is called where people read: its id, and the name that it has here. */
export function labelBy(names: ReadonlyMap<string, string>): (id: string) => string {
  return (id) => (names.has(id) ? `${id} (${names.get(id)})` : id);
}

async function idIn(files: Files, path: string): Promise<string | null> {
  try {
    return parsePublicKeyFile(await files.read(path, LIMITS.publicKeyBytes)).key.id;
  } catch (error) {
    if (error instanceof QxError) return null;
    throw error;
  }
}
