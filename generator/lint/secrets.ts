import { join } from 'node:path';
import { listIfThere } from '../../client/effects/durable.ts';
import type { Files } from '../../client/effects/effects.ts';
import { LIMITS } from '../../client/format/limits.ts';
import type { TreeFile } from '../check/files.ts';
import type { Problems } from '../check/problems.ts';
import { looseness } from '../keys/key-files.ts';
import type { WorkspacePaths } from '../workspace/paths.ts';

/** 158 bytes in base64. */
const SECRET_KEY_LINE = /^[A-Za-z0-9+/]{211}=$/;
const BLOCK_BYTES_MIN = 212;

/** Secret keys in a folder that the whole world reads, whatever they are called. */
export async function lintSecrets(
  files: Files,
  folder: string,
  listing: readonly TreeFile[],
  problems: Problems,
): Promise<void> {
  for (const { path, info } of listing) {
    const named = path.endsWith('.key');
    if (!named && !(await holdsSecretKey(files, join(folder, path), info))) continue;
    problems.error('config', 'a secret key lies in the tree that is served', {
      where: path,
      hint: "remove it; if it was ever published, it is everybody's: replace it in the trust root",
    });
  }
}

async function holdsSecretKey(
  files: Files,
  path: string,
  { type, size }: TreeFile['info'],
): Promise<boolean> {
  if (type !== 'file' || size < BLOCK_BYTES_MIN || size > LIMITS.secretKeyBytes)
    return false;
  const text = (await files.read(path, LIMITS.secretKeyBytes)).toString('latin1');
  const lines = text.split(/\r?\n/);
  return lines.some((line) => SECRET_KEY_LINE.test(line) && line.startsWith('RW'));
}

/** Keys that other users of this machine can reach, and that no command signs with. */
export async function lintKeyModes(
  files: Files,
  { keys }: WorkspacePaths,
  problems: Problems,
): Promise<void> {
  for (const name of await listIfThere(files, keys)) {
    if (!name.endsWith('.key')) continue;
    const loose = await looseness(files, join(keys, name));
    if (loose !== undefined) problems.refused(loose);
  }
}
