import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { QxError } from '../../client/format/error.ts';
import { LIMITS } from '../../client/format/limits.ts';
import { firstRoot } from '../../client/format/trust.ts';
import { openSource } from '../../client/reader/open-source.ts';
import type { Source, SourceSettings } from '../../client/reader/source.ts';
import type { Flags, OptionSpec } from '../../client/terminal/command-line.ts';
import { readingIn } from '../commands/command.ts';
import type { Context } from '../context.ts';
import { type Workspace, openWorkspace } from '../workspace/workspace.ts';
import type { PinnedRoot } from './roots.ts';

/** A tree to be read: a folder of this machine or a web host. */
export interface TreePlace {
  /** For people: the folder, or the URL without credentials. */
  name: string;
  source: Source;
  /** Absolute; null for a web host, which lists no folders. */
  folder: string | null;
  /** The workspace that the folder belongs to, where it belongs to one. */
  workspace: Workspace | null;
}

/** How a host is reached that is not open to everybody. */
export const SOURCE_OPTIONS: readonly OptionSpec[] = [
  {
    flag: 'ca-file FILE',
    describe: "Certificates (PEM) to trust instead of the system's",
  },
  { flag: 'authorization-file FILE', describe: 'Value of the Authorization header' },
];

const SECRET_BYTES_MAX = 64 * 1024;

/** `DIR`, `file://…` or `http(s)://…`; without an argument the tree of the workspace. */
export async function findTree(
  context: Context,
  flags: Flags,
  argument: string | undefined,
): Promise<TreePlace> {
  if (argument === undefined)
    return ofWorkspace(context, await readingIn(context, flags));
  const isUrl = /^[a-z][a-z0-9+.-]*:\/\//i.test(argument) || /^file:/i.test(argument);
  if (!isUrl) return ofFolder(context, resolve(context.cwd, argument));
  const source = await openPlace(context, flags, argument);
  // A file URL that names no folder of this machine was refused just now.
  if (/^file:/i.test(argument)) return ofFolder(context, fileURLToPath(argument));
  return { name: source.base, source, folder: null, workspace: null };
}

/** The source for a base URL, with the client's own patience. */
export async function openPlace(
  context: Context,
  flags: Flags,
  base: string,
): Promise<Source> {
  return openSource(context.effects, base, await sourceSettings(context, flags));
}

/** A place that a document names: without credentials, and not where they were meant for. */
export function openOtherPlace(context: Context, base: string): Source {
  return openSource(context.effects, base, PATIENCE);
}

const PATIENCE: SourceSettings = {
  connectTimeoutMs: 10_000,
  stallTimeoutMs: 30_000,
  retries: 2,
  userAgent: 'qx-repo',
};

async function sourceSettings(context: Context, flags: Flags): Promise<SourceSettings> {
  const read = async (flag: string): Promise<Buffer | undefined> => {
    const file = flags.text(flag);
    if (file === undefined) return undefined;
    return context.effects.files.read(resolve(context.cwd, file), SECRET_BYTES_MAX);
  };
  const ca = await read('ca-file');
  const authorization = (await read('authorization-file'))?.toString('utf8').trim();
  return {
    ...PATIENCE,
    ...(ca === undefined ? {} : { tls: { ca } }),
    ...(authorization === undefined ? {} : { authorization }),
  };
}

async function ofFolder(context: Context, folder: string): Promise<TreePlace> {
  const { effects } = context;
  const has = async (path: string): Promise<boolean> =>
    (await effects.files.info(path)) !== null;
  if (!(await has(folder))) {
    throw new QxError('usage', 'no such folder', { where: folder });
  }
  if (await has(join(folder, 'quantix-repo.toml')))
    return ofWorkspace(context, await openWorkspace(effects, folder));
  const parent = dirname(folder);
  const belongs =
    basename(folder) === 'public' && (await has(join(parent, 'quantix-repo.toml')));
  return placed(context, folder, belongs ? await openWorkspace(effects, parent) : null);
}

function ofWorkspace(context: Context, workspace: Workspace): TreePlace {
  return placed(context, workspace.paths.public, workspace);
}

function placed(
  context: Context,
  folder: string,
  workspace: Workspace | null,
): TreePlace {
  const source = openSource(context.effects, pathToFileURL(folder).href, PATIENCE);
  return { name: folder, source, folder, workspace };
}

/** `--root FILE`: the trust root that must be part of the tree's chain. */
export async function pinnedRoot(
  context: Context,
  flags: Flags,
): Promise<PinnedRoot | null> {
  const file = flags.text('root');
  if (file === undefined) return null;
  const path = resolve(context.cwd, file);
  const bytes = await context.effects.files.read(path, LIMITS.rootBytes);
  return { root: firstRoot(bytes, path), bytes };
}
