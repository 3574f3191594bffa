import { basename, resolve } from 'node:path';
import { readIfThere, writeDurably } from '../../client/effects/durable.ts';
import { QxError } from '../../client/format/error.ts';
import { LIMITS } from '../../client/format/limits.ts';
import {
  type SignatureBlock,
  encodeSignatures,
  parseSignatures,
  unite,
} from '../../client/format/minisign/signature.ts';
import { type Root, parseRoot } from '../../client/format/root.ts';
import { formatTime } from '../../client/format/time.ts';
import type { Context } from '../context.ts';
import { keyNames, labelBy } from '../keys/key-names.ts';
import { KEY_OPTIONS, openKeyRing } from '../release/session.ts';
import { rootComment, signWith } from '../release/sign-document.ts';
import { differences } from '../root/difference.ts';
import { judgeRoot, rootKeys } from '../root/sign-root.ts';
import { sha256Of } from '../tree/digest.ts';
import { rootChain } from '../tree/roots.ts';
import { parseWorkspaceConfig } from '../workspace/config.ts';
import { workspacePaths } from '../workspace/paths.ts';
import { openWorkspace } from '../workspace/workspace.ts';
import { type Command, type Flags, workspaceFolder } from './command.ts';
import { describeRoot } from './root-show.ts';

export const rootCosign: Command = {
  name: 'root cosign',
  args: '<file>',
  describe:
    'Sign a root that waits elsewhere: needs its file and a key, and no workspace; says first what it changes',
  options: [
    { flag: 'root FILE', describe: 'The current trust root, to tell what changes' },
    { flag: 'out FILE', describe: 'Where the signature goes (FILE.minisig)' },
    ...KEY_OPTIONS,
    { flag: 'dry-run', describe: 'Only say what it changes' },
  ],
  examples: ['root cosign request.json --root 3.json --key me.key'],
  next: ['sign', 'root show'],
  run: async (context, [file = ''], flags) => {
    const path = resolve(context.cwd, file);
    const bytes = await readFile(context, path);
    const next = parseRoot(bytes, path);
    const current = await currentFor(context, flags, next);
    const sha256 = sha256Of(bytes);
    const changes = current === null ? null : differences(current, next, (id) => id);
    const { keys } = workspacePaths(workspaceFolder(context, flags));
    const names = await keyNames(context.effects.files, keys);
    const label = labelBy(names);
    const shown = current === null ? null : differences(current, next, label);
    // Before a password is asked for: who signs has to know what.
    for (const line of preview(file, sha256, next, shown, names))
      context.output.say(line);
    const dryRun = flags.is('dry-run');
    const about = { file: path, sha256, version: next.version, changes, dryRun };
    if (dryRun) return { value: about, text: 'nothing was signed (--dry-run)' };
    const out = resolve(context.cwd, flags.text('out') ?? `${file}.minisig`);
    const blocks = await signed(context, flags, path, bytes, next, current);
    const all = unite(await standing(context, out, next, current, bytes), blocks);
    await writeDurably(context.effects.files, out, encodeSignatures(all));
    const signers = blocks.map(({ keyId }) => keyId);
    return {
      value: { ...about, signature: out, signers },
      text: `signed root ${next.version} by ${signers.map(label).join(', ')}: send back ${out}`,
    };
  },
};

async function readFile({ effects }: Context, path: string): Promise<Buffer> {
  const bytes = await readIfThere(effects.files, path, LIMITS.rootBytes);
  if (bytes !== null) return bytes;
  throw new QxError('usage', 'no such file', { where: path });
}

/** The root before the requested one: from --root, or from the workspace that this runs in. */
async function currentFor(
  context: Context,
  flags: Flags,
  next: Root,
): Promise<Root | null> {
  const given = flags.text('root');
  if (given === undefined) return ownRoot(context, flags, next);
  const path = resolve(context.cwd, given);
  const root = parseRoot(await readFile(context, path), path);
  const wanted = `root ${next.version - 1} of ${next.repository}`;
  const found = `root ${root.version} of ${root.repository}`;
  if (wanted === found) return root;
  throw new QxError('usage', 'not the root that the request follows', {
    where: path,
    expected: wanted,
    found,
  });
}

async function ownRoot(context: Context, flags: Flags, next: Root): Promise<Root | null> {
  const folder = workspaceFolder(context, flags);
  const { config } = workspacePaths(folder);
  if ((await context.effects.files.info(config)) === null) return null;
  const workspace = await openWorkspace(context.effects, folder);
  if (workspace.config.repository !== next.repository) return null;
  const chain = await rootChain(workspace.tree);
  return chain.find(({ version }) => version === next.version - 1) ?? null;
}

function preview(
  file: string,
  sha256: string,
  next: Root,
  changes: readonly string[] | null,
  names: ReadonlyMap<string, string>,
): string[] {
  const head = `${basename(file)}: root ${next.version} of ${next.repository}, SHA-256 ${sha256}`;
  if (changes !== null) return [head, ...changes.map((line) => `  ${line}`)];
  const unknown = `what it changes cannot be told without root ${next.version - 1} (--root FILE); it says:`;
  return [head, unknown, ...describeRoot(next, names).split('\n')];
}

async function signed(
  context: Context,
  flags: Flags,
  path: string,
  bytes: Buffer,
  next: Root,
  current: Root | null,
): Promise<SignatureBlock[]> {
  const paths = workspacePaths(workspaceFolder(context, flags));
  // The root says which keys count; outside of a workspace no configuration names any.
  const config = parseWorkspaceConfig(
    Buffer.from(`repository = "${next.repository}"\n`),
    path,
  );
  const roots = current === null ? [next] : [current, next];
  const keys = await rootKeys(openKeyRing(context, flags, { config, paths }), roots);
  if (keys.length === 0) throw noKey(path, roots, current);
  const time = formatTime(context.effects.clock.now());
  return signWith(keys, bytes, rootComment(next, time));
}

function noKey(where: string, roots: readonly Root[], current: Root | null): QxError {
  const ids = new Set(roots.flatMap(({ roles }) => roles.root?.keys ?? []));
  return new QxError('config', 'no key at hand that may sign this root', {
    where,
    expected: `one of [${[...ids].join(', ')}]`,
    hint:
      current === null
        ? '--key FILE; a key that goes with this root signs only beside the current one (--root FILE)'
        : '--key FILE, QX_REPO_SECRET_KEY, or NAME.key beside NAME.pub in keys/',
  });
}

/** What another signer put into the same file stays. */
async function standing(
  { effects }: Context,
  out: string,
  next: Root,
  current: Root | null,
  bytes: Buffer,
): Promise<SignatureBlock[]> {
  const there = await readIfThere(effects.files, out, LIMITS.signatureBytes);
  if (there === null) return [];
  return judgeRoot(current ?? next, next, bytes, parseSignatures(there, out)).blocks;
}
