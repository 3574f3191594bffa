import { createHash, timingSafeEqual } from 'node:crypto';
import { posix } from 'node:path';
import { refuseForeignHands } from '../config/foreign-hands.ts';
import { readIfThere, writeDurably } from '../effects/durable.ts';
import type { Effects } from '../effects/effects.ts';
import { QxError } from '../format/error.ts';

const BYTES_MAX = 4096;

/** Makes a token, 32 random bytes as one line, where there is none. */
export async function ensureToken(
  { files, random }: Effects,
  path: string,
): Promise<void> {
  if ((await files.info(path)) !== null) return;
  await files.makeDirectory(posix.dirname(path), 0o700);
  const text = `${random.bytes(32).toString('base64url')}\n`;
  await writeDurably(files, path, Buffer.from(text), 0o600);
}

/**
 * Whether this is the token of the file, as it is now; no where there is none. QxError `config` for a file that others
 * can read, for then it is nobody's secret, or could change.
 */
export async function isToken(
  { files }: Effects,
  root: string,
  path: string,
  given: string,
): Promise<boolean> {
  const info = await files.info(path);
  if (info === null) return false;
  if (info.type !== 'file' || (info.mode & 0o077) !== 0) {
    throw new QxError('config', 'the token can be read by others', {
      where: path,
      expected: 'a file with mode 0600',
      found: `mode ${info.mode.toString(8).padStart(4, '0')}`,
      hint: 'remove it, and start qx-update serve again: it makes a new one',
    });
  }
  await refuseForeignHands(files, root, [path]);
  const kept = (await readIfThere(files, path, BYTES_MAX))?.toString('utf8').trim() ?? '';
  return kept !== '' && sameText(kept, given);
}

/** Takes as long whatever the difference is. */
function sameText(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
