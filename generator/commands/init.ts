import type { Flags } from '../../client/terminal/command-line.ts';
import { dirname, join, resolve } from 'node:path';
import { writeDurably } from '../../client/effects/durable.ts';
import { QxError } from '../../client/format/error.ts';
import { parseShape } from '../../client/format/document.ts';
import type { SecretKey } from '../../client/format/minisign/secret-key.ts';
import { name as nameShape } from '../../client/format/shapes.ts';
import { rootPath } from '../../client/format/tree.ts';
import type { Context } from '../context.ts';
import { makeKey } from '../keys/make-key.ts';
import {
  preferMade,
  publicKeys,
  publishFirstRoot,
  signingNames,
} from '../release/first-root.ts';
import { openKeyRing, openPasswords } from '../release/session.ts';
import { issuedTime } from '../release/times.ts';
import { writeIndexes } from '../tree/indexes.ts';
import { loadReleases } from '../tree/releases.ts';
import { currentRoot } from '../tree/roots.ts';
import { writeSchemas } from '../tree/schemas.ts';
import { withLock } from '../workspace/lock.ts';
import { type WorkspacePaths, workspacePaths } from '../workspace/paths.ts';
import { PRESET_GITIGNORE, presetConfig } from '../workspace/preset.ts';
import { copyTemplate, findTemplate } from '../workspace/template.ts';
import { type Workspace, emptyStaging, openWorkspace } from '../workspace/workspace.ts';
import {
  type Command,
  type CommandResult,
  WRITE_OPTIONS,
  lockOptions,
} from './command.ts';
import { PASSWORD_OPTIONS } from './keygen.ts';

export const init: Command = {
  name: 'init',
  args: '[dir]',
  describe: 'Make a workspace: configuration, keys, and a tree with trust root 1',
  options: [
    {
      flag: 'repository ID',
      describe: 'Name of the repository; hosts take documents of their own only',
    },
    {
      flag: 'no-keys',
      describe:
        'Make no keys; those in keys/ are taken (put NAME.pub and NAME.key there)',
    },
    ...PASSWORD_OPTIONS,
    { flag: 'key FILE', describe: 'Secret root key that is not in keys/ (repeatable)' },
    { flag: 'issued TIME', describe: 'Date of root 1 instead of the clock' },
    ...WRITE_OPTIONS,
  ],
  examples: [
    'init updates --repository quantix',
    'init . --repository quantix --no-password',
  ],
  next: ['generate', 'serve', 'root show'],
  run: async (context, [dir], flags) => {
    const folder = resolve(context.cwd, dir ?? flags.text('workspace') ?? '.');
    const paths = workspacePaths(folder);
    const id = await repositoryId(context, flags, paths);
    if (flags.is('dry-run')) return dryRun(context, paths, id);
    await context.effects.files.makeDirectory(folder);
    return withLock(context.effects, paths, lockOptions(context, flags, 'init'), () =>
      fill(context, flags, paths, id),
    );
  },
};

/** Null where quantix-repo.toml stands and says it. */
async function repositoryId(
  context: Context,
  flags: Flags,
  paths: WorkspacePaths,
): Promise<string | null> {
  const given = flags.text('repository');
  if (given !== undefined) parseShape(nameShape, given, '--repository');
  if ((await context.effects.files.info(paths.config)) === null) {
    if (given !== undefined) return given;
    throw new QxError('usage', 'a repository needs a name', {
      hint: 'qx-repo init DIR --repository ID',
    });
  }
  const { config } = await openWorkspace(context.effects, paths.root);
  if (given === undefined || given === config.repository) return null;
  throw new QxError('config', 'the workspace is of another repository', {
    where: paths.config,
    expected: given,
    found: config.repository,
  });
}

async function fill(
  context: Context,
  flags: Flags,
  paths: WorkspacePaths,
  id: string | null,
): Promise<CommandResult> {
  const { files } = context.effects;
  if (id !== null) await writeConfiguration(context, paths, id);
  const workspace = await openWorkspace(context.effects, paths.root);
  await emptyStaging(workspace);
  const made = flags.is('no-keys')
    ? []
    : await makeMissingKeys(context, flags, workspace);
  const template = await findTemplate(files, context.templates);
  const copied =
    template === null ? [] : await copyTemplate(files, template, paths.root, false);
  const root = await finishTree(context, flags, workspace, made);
  return report(paths, workspace, made, copied, root);
}

/** serials.json goes first: it says "complete" only in a workspace that begins here. */
async function writeConfiguration(
  context: Context,
  paths: WorkspacePaths,
  id: string,
): Promise<void> {
  const { files } = context.effects;
  const ignore = join(paths.root, '.gitignore');
  const serials = Buffer.from(
    `${JSON.stringify({ complete: true, channels: {} }, null, 2)}\n`,
  );
  if ((await files.info(paths.serials)) === null)
    await writeDurably(files, paths.serials, serials);
  if ((await files.info(ignore)) === null) {
    await writeDurably(files, ignore, Buffer.from(PRESET_GITIGNORE));
  }
  await writeDurably(files, paths.config, Buffer.from(presetConfig(id)));
}

async function makeMissingKeys(
  context: Context,
  flags: Flags,
  workspace: Workspace,
): Promise<SecretKey[]> {
  const { files } = context.effects;
  const { keys } = workspace.paths;
  const missing: string[] = [];
  for (const name of signingNames(workspace.config)) {
    if (workspace.config.signers[name] !== undefined) continue;
    const there = [`${name}.pub`, `${name}.key`].map((file) =>
      files.info(join(keys, file)),
    );
    if ((await Promise.all(there)).every((info) => info === null)) missing.push(name);
  }
  if (missing.length === 0) return [];
  const password = flags.is('no-password')
    ? undefined
    : await openPasswords(context, flags).choose('the keys in keys/');
  const made: SecretKey[] = [];
  for (const name of missing)
    made.push((await makeKey(context.effects, keys, name, password)).key);
  return made;
}

/** True once the tree has a root; without the keys for one the rest waits for them. */
async function finishTree(
  context: Context,
  flags: Flags,
  workspace: Workspace,
  made: readonly SecretKey[],
): Promise<boolean> {
  const { tree, config } = workspace;
  if ((await tree.info(rootPath(1))) === null) {
    const publics = await publicKeys(workspace);
    if (publics.size < signingNames(config).length) return false;
    const issued = issuedTime(flags.text('issued'), context.effects.clock.now());
    const ring = preferMade(made, openKeyRing(context, flags, workspace));
    await publishFirstRoot(workspace, publics, ring, issued);
  }
  await writeSchemas(tree);
  const root = await currentRoot(tree, config.repository);
  await writeIndexes(tree, config.repository, await loadReleases(tree, root));
  return true;
}

function report(
  paths: WorkspacePaths,
  workspace: Workspace,
  made: readonly SecretKey[],
  copied: readonly string[],
  hasRoot: boolean,
): CommandResult {
  const { repository } = workspace.config;
  const keys = signingNames(workspace.config);
  const next = hasRoot
    ? `next: qx-repo generate --product quantix-os --version 1.0.0 --channel dev --component qx-node=FILE`
    : `next: put ${keys.map((name) => `${name}.pub`).join(', ')} into ${paths.keys} (qx-repo keygen NAME), then qx-repo init again`;
  const value = {
    workspace: paths.root,
    repository,
    root: hasRoot ? join(paths.public, rootPath(1)) : null,
    keysMade: made.length,
    copied,
  };
  const lines = [
    `${paths.root}: workspace of the repository ${repository}`,
    `  quantix-repo.toml  products, components, keys`,
    ...(hasRoot
      ? [`  public/            the tree to serve; hosts are given public/root/1.json`]
      : []),
    ...(made.length > 0
      ? [
          `  keys/              ${keys.join(', ')}: keep them out of version control, and a copy offline`,
        ]
      : []),
    next,
  ];
  return { value, text: lines.join('\n') };
}

async function dryRun(
  context: Context,
  paths: WorkspacePaths,
  id: string | null,
): Promise<CommandResult> {
  const { files } = context.effects;
  const template = await findTemplate(files, context.templates);
  const copied =
    template === null ? [] : await copyTemplate(files, template, paths.root, true);
  const own = id === null ? [] : ['quantix-repo.toml', '.gitignore', 'serials.json'];
  const value = { dryRun: true, workspace: paths.root, files: [...own, ...copied] };
  return {
    value,
    text: `would write into ${paths.root} (in ${dirname(paths.root)}): ${value.files.join(', ') || 'nothing'}`,
  };
}
