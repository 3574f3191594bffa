import { join, resolve } from 'node:path';
import { readIfThere } from '../../client/effects/durable.ts';
import type { Files } from '../../client/effects/effects.ts';
import { QxError } from '../../client/format/error.ts';
import { LIMITS } from '../../client/format/limits.ts';
import {
  isEncrypted,
  parseSecretKeyFile,
} from '../../client/format/minisign/secret-key.ts';
import { type Root, keysOfRole } from '../../client/format/root.ts';
import { type WorkspaceConfig, keyNamesOf } from '../workspace/config.ts';
import type { Passwords } from './passwords.ts';
import { type Signer, keySigner } from './signer.ts';

export interface KeySources {
  /** Files named by --key. */
  files: readonly string[];
  /** QX_REPO_SECRET_KEY: a path, or the text of one or more key files. */
  environment?: string | undefined;
  cwd: string;
  /** The workspace's keys/ folder. */
  folder: string;
}

/** What can sign; secret keys are read when they are first needed. */
export interface KeyRing {
  /**
   * The keys at hand that the root lists for a role: given ones first, then those that quantix-repo.toml names.
   * QxError `config` where there is none.
   */
  forRole(root: Root, role: string): Promise<Signer[]>;
}

const COMMENT = 'untrusted comment:';

export function keyRing(
  files: Files,
  config: WorkspaceConfig,
  sources: KeySources,
  passwords: Passwords,
): KeyRing {
  const opened = new Map<string, Promise<Signer>>();
  const open = (what: string, bytes: Buffer): Promise<Signer> => {
    const key = opened.get(what) ?? openKey(what, bytes, passwords);
    opened.set(what, key);
    return key;
  };
  const given = async (): Promise<Signer[]> => {
    const found = [
      ...(await namedKeys(files, sources)),
      ...(await environmentKeys(files, sources)),
    ];
    return inTurn(found, ([what, bytes]) => open(what, bytes));
  };
  const ofWorkspace = async (role: string): Promise<Signer[]> => {
    const found: [string, Buffer][] = [];
    for (const name of keyNamesOf(config, role)) {
      const path = join(sources.folder, `${name}.key`);
      const bytes = await readIfThere(files, path, LIMITS.secretKeyBytes);
      if (bytes !== null) found.push([`keys/${name}.key`, bytes]);
    }
    return inTurn(found, ([what, bytes]) => open(what, bytes));
  };
  return {
    forRole: async (root, role) => {
      const own = belonging(root, role, await given());
      if (own.length > 0) return own;
      const standing = await ofWorkspace(role);
      const found = belonging(root, role, standing);
      if (found.length > 0) return found;
      throw noKey(root, role, sources, keyNamesOf(config, role), standing);
    },
  };
}

/** One after the other: each protected key takes a gigabyte of memory while it is opened. */
async function inTurn<T, U>(
  items: readonly T[],
  work: (item: T) => Promise<U>,
): Promise<U[]> {
  const done: U[] = [];
  for (const item of items) done.push(await work(item));
  return done;
}

async function openKey(
  what: string,
  bytes: Buffer,
  passwords: Passwords,
): Promise<Signer> {
  const password = isEncrypted(bytes, what) ? await passwords.open(what) : undefined;
  return keySigner(parseSecretKeyFile(bytes, password, what));
}

async function namedKeys(files: Files, sources: KeySources): Promise<[string, Buffer][]> {
  return inTurn(sources.files, async (file): Promise<[string, Buffer]> => {
    const path = resolve(sources.cwd, file);
    const bytes = await readIfThere(files, path, LIMITS.secretKeyBytes);
    if (bytes !== null) return [file, bytes];
    throw new QxError('config', 'no such key file', { where: path });
  });
}

async function environmentKeys(
  files: Files,
  sources: KeySources,
): Promise<[string, Buffer][]> {
  const text = sources.environment ?? '';
  if (text === '') return [];
  if (text.startsWith(COMMENT)) return splitKeys(text);
  const bytes = await readIfThere(
    files,
    resolve(sources.cwd, text),
    LIMITS.secretKeyBytes,
  );
  if (bytes !== null) return [['the key in QX_REPO_SECRET_KEY', bytes]];
  // The value is not shown: it may be a secret that lost its first line.
  throw new QxError('config', 'QX_REPO_SECRET_KEY is neither a key file nor its text', {
    expected: `a path that exists, or text that begins with "${COMMENT}"`,
  });
}

/** Key files one after the other, two lines each. */
function splitKeys(text: string): [string, Buffer][] {
  const lines = text.split(/\r?\n/).filter((line) => line !== '');
  const found: [string, Buffer][] = [];
  for (let at = 0; at < lines.length; at += 2) {
    const what = `key ${at / 2 + 1} in QX_REPO_SECRET_KEY`;
    found.push([what, Buffer.from(`${lines[at]}\n${lines[at + 1] ?? ''}\n`)]);
  }
  return found;
}

function belonging(root: Root, role: string, keys: readonly Signer[]): Signer[] {
  const wanted = root.roles[role];
  if (wanted === undefined)
    throw new QxError('config', `the trust root has no role "${role}"`);
  const bytes = new Set(keysOfRole(root, wanted).map((key) => key.bytes.toString('hex')));
  return keys.filter((key) => bytes.has(key.publicKey.bytes.toString('hex')));
}

function noKey(
  root: Root,
  role: string,
  sources: KeySources,
  names: readonly string[],
  standing: readonly Signer[],
): QxError {
  const others = standing.map(({ id }) => id).join(', ');
  return new QxError('config', `no key at hand that may sign for the role "${role}"`, {
    where:
      names.map((name) => join(sources.folder, `${name}.key`)).join(', ') ||
      sources.folder,
    expected: `one of [${(root.roles[role]?.keys ?? []).join(', ')}]`,
    found: others === '' ? 'none' : `${others}, which the root does not list for it`,
    hint: '--key FILE, QX_REPO_SECRET_KEY, or [signing] in quantix-repo.toml',
  });
}
