import { basename, dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { removeTree } from '../../client/effects/durable.ts';
import type { Files } from '../../client/effects/effects.ts';
import { parseShape } from '../../client/format/document.ts';
import { QxError, printable } from '../../client/format/error.ts';
import type { Pointer } from '../../client/format/pointer.ts';
import { name as nameShape } from '../../client/format/shapes.ts';
import type { Source } from '../../client/reader/source.ts';
import { formatBytes, formatTable } from '../../client/terminal/text.ts';
import { type BundlePlan, planBundle, writeBundle } from '../bundle/bundle.ts';
import { checkBundle } from '../bundle/check.ts';
import { openOtherPlace } from '../check/place.ts';
import type { Context } from '../context.ts';
import { listPointers, readPointer } from '../tree/pointers.ts';
import { currentRoot } from '../tree/roots.ts';
import { openTree } from '../tree/tree.ts';
import type { Workspace } from '../workspace/workspace.ts';
import { type Command, type Flags, WAIT_OPTION, writingIn } from './command.ts';

export const bundle: Command = {
  name: 'bundle',
  describe: 'Write the least tree that takes hosts without a network to a release',
  options: [
    { flag: 'for VERSION', describe: 'The release that hosts are to have' },
    { flag: 'product NAME', describe: 'quantix-os, quantix-vdc, or any other name' },
    { flag: 'out DIR', short: 'o', describe: 'A new folder: /media/usb/public' },
    {
      flag: 'channel NAME',
      describe:
        'Only for hosts of this channel (repeatable; all that are at the release)',
    },
    {
      flag: 'arch NAME',
      describe: 'Only for this architecture (repeatable; all that the release has)',
    },
    WAIT_OPTION,
  ],
  examples: ['bundle --for 1.4.2 --product quantix-os -o /media/usb/public'],
  next: ['verify'],
  run: (context, _args, flags) =>
    writingIn(context, flags, 'bundle', async (workspace) => {
      const folder = resolve(context.cwd, needed(flags, 'out'));
      const pointers = await askedPointers(workspace, flags);
      const plan = await planBundle(workspace, pointers, flags.list('arch'));
      await makeBundle(context, workspace, plan, folder);
      return { value: valueOf(plan, folder), text: textOf(plan, folder) };
    }),
};

function needed(flags: Flags, name: string): string {
  const value = flags.text(name);
  if (value !== undefined) return value;
  throw new QxError('usage', `a bundle needs --${name}`, {
    expected: 'bundle --for 1.4.2 --product quantix-os -o DIR',
  });
}

/** The channels whose valid pointer names the release. QxError `usage` where none does, or not one that was asked for. */
async function askedPointers(
  { tree, config }: Workspace,
  flags: Flags,
): Promise<Pointer[]> {
  const [product, version] = [needed(flags, 'product'), needed(flags, 'for')];
  parseShape(nameShape, product, 'product');
  const root = await currentRoot(tree, config.repository);
  const standing: Pointer[] = [];
  for (const [owner, channel] of await listPointers(tree)) {
    if (owner !== product) continue;
    const stored = await readPointer(tree, root, product, channel);
    if (stored?.pointer && stored.problem === null) standing.push(stored.pointer);
  }
  const wanted = flags.list('channel');
  const found = standing.filter(
    (pointer) =>
      pointer.version === version &&
      (wanted.length === 0 || wanted.includes(pointer.channel)),
  );
  if (found.length > 0 && found.length >= wanted.length) return found;
  throw notThere(product, version, wanted, standing);
}

function notThere(
  product: string,
  version: string,
  wanted: readonly string[],
  standing: readonly Pointer[],
): QxError {
  const found = standing.map(({ channel, version: at }) => `${channel} at ${at}`);
  return new QxError(
    'usage',
    'hosts go by a signed pointer, and none names the release',
    {
      where: product,
      expected: `${wanted.join(' and ') || 'a channel'} at ${printable(version)}`,
      found: found.join(', ') || 'no signed channel',
      hint: `qx-repo point ${product} ${wanted[0] ?? 'CHANNEL'} ${printable(version)}`,
    },
  );
}

/** In a folder beside it first: under its own name it is whole and was verified. */
async function makeBundle(
  context: Context,
  workspace: Workspace,
  plan: BundlePlan,
  folder: string,
): Promise<void> {
  const { files } = context.effects;
  await refuseFull(files, folder);
  const part = join(dirname(folder), `.${basename(folder)}.qx-repo-part`);
  const [root, staging] = [join(part, 'tree'), join(part, 'staging')];
  await removeTree(files, part);
  await files.makeDirectory(staging, 0o755);
  const progress = context.output.progress('bundle', 2 * sizeOf(plan));
  const onBytes = (count: number): void => progress.add(count);
  try {
    const tree = openTree(files, root, staging);
    const place = { tree, staging, sources: sourcesOf(context, workspace, plan) };
    await writeBundle(workspace, plan, place, onBytes);
    await checkBundle(context, root, plan, onBytes);
    await files.removeDirectory(folder);
    await files.rename(root, folder);
    await files.syncDirectory(dirname(folder));
  } finally {
    progress.done();
    await removeTree(files, part);
  }
}

async function refuseFull(files: Files, folder: string): Promise<void> {
  const there = await files.info(folder);
  if (there === null) return;
  const isEmpty = there.type === 'directory' && (await files.list(folder)).length === 0;
  if (isEmpty) return;
  throw new QxError('usage', 'the place of the bundle is taken', {
    where: folder,
    expected: 'a new or an empty folder',
    hint: 'remove it, or name another one',
  });
}

/** The workspace, and where its pointers say that objects are as well: a pulled workspace has none. */
function sourcesOf(context: Context, { paths }: Workspace, plan: BundlePlan): Source[] {
  const elsewhere = plan.pointers.flatMap(({ objects = [] }) => objects);
  const bases = [pathToFileURL(paths.public).href, ...new Set(elsewhere)];
  return bases.map((base) => openOtherPlace(context, base));
}

function sizeOf({ objects }: BundlePlan): number {
  return objects.reduce((sum, { size }) => sum + size, 0);
}

function valueOf(plan: BundlePlan, folder: string): object {
  return {
    folder,
    channels: plan.pointers.map(({ product, channel, version, serial, expires }) => ({
      ...{ product, channel, version, serial, expires },
    })),
    roots: plan.roots,
    manifests: plan.manifests.length,
    objects: plan.objects.length,
    objectBytes: sizeOf(plan),
  };
}

function textOf(plan: BundlePlan, folder: string): string {
  const rows = plan.pointers.map(({ product, channel, version, expires, ...more }) => [
    `${product}/${channel}`,
    version,
    expires,
    more.paused === true ? 'paused' : more.rollout === undefined ? '' : 'in a rollout',
  ]);
  const counts = `${plan.roots} trust roots, ${plan.manifests.length} manifests, ${plan.objects.length} objects (${formatBytes(sizeOf(plan))})`;
  return [
    formatTable([['channel', 'version', 'expires', ''], ...rows]),
    `${folder}: ${counts}, verified`,
    'next, at the host: qx-update apply --from DIR',
  ].join('\n');
}
