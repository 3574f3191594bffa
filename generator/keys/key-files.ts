import { dirname, resolve } from 'node:path';
import { readIfThere } from '../../client/effects/durable.ts';
import type { Files } from '../../client/effects/effects.ts';
import { QxError } from '../../client/format/error.ts';
import { LIMITS } from '../../client/format/limits.ts';

/** The bytes of a secret key file, and how people are told of it. */
export interface KeyFile {
  what: string;
  bytes: Buffer;
}

const COMMENT = 'untrusted comment:';
/** How the second line of every secret key file begins: "Ed", "Sc" or two zeros, "B2". */
const SECRET = /RW(?:RTY0|QAAE)Iy/;

/** The key file at `path`, null where there is none. QxError `config` for one that is not its owner's alone. */
export async function readKeyFile(
  files: Files,
  path: string,
  what: string,
): Promise<KeyFile | null> {
  const bytes = await readIfThere(files, path, LIMITS.secretKeyBytes);
  if (bytes === null) return null;
  const loose = await looseness(files, path);
  if (loose !== undefined) throw loose;
  return { what, bytes };
}

/** The files that --key names. */
export async function namedKeyFiles(
  files: Files,
  names: readonly string[],
  cwd: string,
): Promise<KeyFile[]> {
  const found: KeyFile[] = [];
  for (const name of names) {
    if (SECRET.test(name)) throw inArguments();
    const path = resolve(cwd, name);
    const file = await readKeyFile(files, path, name);
    if (file === null) throw new QxError('config', 'no such key file', { where: path });
    found.push(file);
  }
  return found;
}

/** What QX_REPO_SECRET_KEY leads to: a path, or the text of one or more key files. */
export async function environmentKeyFiles(
  files: Files,
  text: string,
  cwd: string,
): Promise<KeyFile[]> {
  if (text === '') return [];
  if (text.trimStart().startsWith(COMMENT)) return splitKeys(text);
  const path = resolve(cwd, text);
  // A secret that lost its first line is no path: not even the operating system is told of it.
  const file = SECRET.test(text)
    ? null
    : await readKeyFile(files, path, 'the key in QX_REPO_SECRET_KEY');
  if (file !== null) return [file];
  throw new QxError('config', 'QX_REPO_SECRET_KEY is neither a key file nor its text', {
    expected: `a path that exists, or text that begins with "${COMMENT}"`,
  });
}

/** Key files one after the other, two lines each. */
function splitKeys(text: string): KeyFile[] {
  const lines = text
    .trimStart()
    .split(/\r?\n/)
    .filter((line) => line !== '');
  const found: KeyFile[] = [];
  for (let at = 0; at < lines.length; at += 2) {
    const what = `key ${at / 2 + 1} in QX_REPO_SECRET_KEY`;
    found.push({ what, bytes: Buffer.from(`${lines[at]}\n${lines[at + 1] ?? ''}\n`) });
  }
  return found;
}

/**
 * Why a key file is not its owner's alone: others may read or write it, or put another one in its place.
 * Undefined for one that is, and for what is no file (a pipe).
 */
export async function looseness(
  files: Files,
  path: string,
): Promise<QxError | undefined> {
  const real = await files.realPath(path).catch(() => path);
  const info = await files.info(real);
  if (info?.type !== 'file') return undefined;
  if ((info.mode & 0o077) !== 0) {
    return new QxError('config', 'a secret key file that is open to other users', {
      where: path,
      expected: 'mode 0600',
      found: `mode ${octal(info.mode)}`,
      hint: `chmod 600 ${real}; where that cannot be, QX_REPO_SECRET_KEY takes its text`,
    });
  }
  const folder = dirname(real);
  const above = await files.info(folder);
  // In a sticky folder, such as /tmp, nobody can take the place of another's file.
  if (above === null || (above.mode & 0o1002) !== 0o002) return undefined;
  return new QxError('config', 'a secret key in a folder that every user can write', {
    where: folder,
    found: `mode ${octal(above.mode)}`,
    hint: `chmod o-w ${folder}`,
  });
}

function inArguments(): QxError {
  return new QxError('usage', '--key takes the path of a key file, not the key', {
    hint: 'every user could read it in the process list: replace that key',
  });
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}
