import { join } from 'node:path';
import type { Files } from '../../client/effects/effects.ts';
import { QxError } from '../../client/format/error.ts';
import { parsePublicKeyLine } from '../../client/format/minisign/public-key.ts';
import {
  isEncrypted,
  parseSecretKeyFile,
} from '../../client/format/minisign/secret-key.ts';
import { type Root, keysOfRole } from '../../client/format/root.ts';
import { type WorkspaceConfig, keyNamesOf } from '../workspace/config.ts';
import {
  type KeyFile,
  environmentKeyFiles,
  namedKeyFiles,
  readKeyFile,
} from './key-files.ts';
import { keyNames } from './key-names.ts';
import type { Passwords } from './passwords.ts';
import { type SignPlace, commandSigner } from './sign-command.ts';
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
   * The keys at hand that the root lists for a role: given ones first, then those in keys/ whose NAME.pub says
   * so, or that quantix-repo.toml names. QxError `config` where there is none.
   */
  forRole: Find;
  /** The same; none at hand is no fault. A password that does not fit still is one. */
  atHand: Find;
}

type Find = (root: Root, role: string) => Promise<Signer[]>;

/** Nobody's: what is signed stays as it is. */
export const NO_KEYS: KeyRing = {
  forRole: () => Promise.resolve([]),
  atHand: () => Promise.resolve([]),
};

export function keyRing(
  files: Files,
  config: WorkspaceConfig,
  sources: KeySources,
  passwords: Passwords,
  place: SignPlace,
): KeyRing {
  const opened = new Map<string, Promise<Signer>>();
  const open = (file: KeyFile): Promise<Signer> => {
    const key = opened.get(file.what) ?? openKey(file, passwords);
    opened.set(file.what, key);
    return key;
  };
  const given = async (): Promise<Signer[]> => {
    const { cwd, environment = '' } = sources;
    const found = [
      ...(await namedKeyFiles(files, sources.files, cwd)),
      ...(await environmentKeyFiles(files, environment, cwd)),
    ];
    return inTurn(found, open);
  };
  const named = async (name: string): Promise<Signer[]> => {
    const signer = config.signers[name];
    if (signer !== undefined) return [commandSigner(name, signer, place)];
    const path = join(sources.folder, `${name}.key`);
    const file = await readKeyFile(files, path, `keys/${name}.key`);
    return file === null ? [] : [await open(file)];
  };
  const ofWorkspace = async (names: readonly string[]): Promise<Signer[]> =>
    (await inTurn(names, named)).flat();
  /** `strange`: ids of keys that stand where this role's should, and that the root does not list for it. */
  const find = async (root: Root, role: string) => {
    const own = belonging(root, role, await given());
    if (own.length > 0) return { found: own, strange: [] };
    const { names, others } = await namesFor(files, config, sources, root, role);
    const standing = await ofWorkspace(names);
    const strange = [...standing.map(({ id }) => id), ...others];
    return { found: belonging(root, role, standing), strange };
  };
  return {
    forRole: async (root, role) => {
      const { found, strange } = await find(root, role);
      if (found.length > 0) return found;
      throw noKey(root, role, sources, keyNamesOf(config, role), strange);
    },
    atHand: async (root, role) => (await find(root, role)).found,
  };
}

/**
 * The trust root decides which keys count, quantix-repo.toml only adds names without a .pub file. `others` are
 * the ids of keys that it names and the root does not list: they are not opened, which may ask for a password.
 */
async function namesFor(
  files: Files,
  config: WorkspaceConfig,
  { folder }: KeySources,
  root: Root,
  role: string,
): Promise<{ names: string[]; others: string[] }> {
  const listed = root.roles[role]?.keys ?? [];
  const ids = await keyNames(files, folder);
  for (const [name, { public_key: line }] of Object.entries(config.signers))
    ids.set(parsePublicKeyLine(line, `public_key of ${name}`).id, name);
  const known = [...ids];
  const names = known.filter(([id]) => listed.includes(id)).map(([, name]) => name);
  const named = keyNamesOf(config, role);
  const strange = known.filter(
    ([id, name]) => named.includes(name) && !listed.includes(id),
  );
  const unknown = named.filter((name) => !known.some(([, other]) => other === name));
  return { names: [...names, ...unknown], others: strange.map(([id]) => id) };
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

async function openKey({ what, bytes }: KeyFile, passwords: Passwords): Promise<Signer> {
  const password = isEncrypted(bytes, what) ? await passwords.open(what) : undefined;
  return keySigner(parseSecretKeyFile(bytes, password, what));
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
  strange: readonly string[],
): QxError {
  const others = strange.join(', ');
  return new QxError('config', `no key at hand that may sign for the role "${role}"`, {
    where:
      names.map((name) => join(sources.folder, `${name}.key`)).join(', ') ||
      sources.folder,
    expected: `one of [${(root.roles[role]?.keys ?? []).join(', ')}]`,
    found: others === '' ? 'none' : `${others}, which the root does not list for it`,
    hint: '--key FILE, QX_REPO_SECRET_KEY, or NAME.key beside NAME.pub in keys/',
  });
}
