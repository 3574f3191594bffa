import { resolve } from 'node:path';
import { QxError } from '../../client/format/error.ts';
import { name as nameShape } from '../../client/format/shapes.ts';
import { parseShape } from '../../client/format/document.ts';
import type { Context } from '../context.ts';
import { chooseProduct } from '../dev/choose-product.ts';
import { HOST_OPTIONS, applyOn, findHost } from '../dev/host.ts';
import { type LoopEnd, runLoop } from '../dev/loop.ts';
import { type DevPlan, publishRound, refuseOwnTree } from '../dev/publish.ts';
import { tellOn } from '../dev/tell.ts';
import { hearStop, startPreview } from '../preview/server.ts';
import { SIGN_OPTIONS, openKeyRing } from '../release/session.ts';
import type { Workspace } from '../workspace/workspace.ts';
import { type Command, type Flags, WAIT_OPTION, readingIn } from './command.ts';
import { PORT_OPTION, portOf } from './serve.ts';

const SETTLE_MS = 500;
/** Dates of its own make no sense for a release that is replaced within the hour. */
const DATES = ['issued', 'expires-days'];
const KEY_OPTIONS = SIGN_OPTIONS.filter(
  ({ flag }) => !DATES.includes(flag.split(' ')[0] ?? ''),
);

export const dev: Command = {
  name: 'dev',
  describe: 'Publish built files whenever they change, serve them, update a host',
  options: [
    {
      flag: 'component NAME=PATH',
      describe: 'A built file or folder to watch (repeatable)',
    },
    {
      flag: 'product NAME',
      describe: 'The only one of the workspace, or the only one with these components',
    },
    { flag: 'channel NAME', describe: 'The channel to publish to (dev)' },
    { flag: 'arch NAME', describe: 'Architecture as uname -m says it' },
    ...HOST_OPTIONS,
    PORT_OPTION,
    {
      flag: 'settle MS',
      describe: `How long a file must be still before it is taken (${SETTLE_MS})`,
    },
    { flag: 'once', describe: 'Publish and update once, then end' },
    ...KEY_OPTIONS,
    WAIT_OPTION,
  ],
  examples: [
    'dev --component qx-node=build/qx-node',
    'dev --component qx-node=build/qx-node --component host-ui=dist --host /quantix/update.toml',
  ],
  next: ['promote', 'serve'],
  run: async (context, _args, flags) => {
    const workspace = await readingIn(context, flags);
    const wanted = wantedOf(context, flags, workspace);
    const { exitCode } = await serveAndLoop(context, flags, workspace, wanted);
    return { value: null, text: '', exitCode };
  },
};

function wantedOf({ cwd }: Context, flags: Flags, { config, paths }: Workspace): DevPlan {
  const components = flags
    .pairs('component')
    .map(([name, path]): [string, string] => [name, resolve(cwd, path)]);
  if (components.length === 0) {
    const hint = '--component qx-node=build/qx-node';
    throw new QxError('usage', 'there is nothing to watch', { hint });
  }
  for (const [name, path] of components) refuseOwnTree(name, path, paths.public);
  const names = components.map(([name]) => name);
  const product = flags.text('product') ?? chooseProduct(config, names);
  const channel = flags.text('channel') ?? 'dev';
  const arch = flags.text('arch');
  for (const name of [product, channel, ...names, ...(arch === undefined ? [] : [arch])])
    parseShape(nameShape, name, 'name');
  return { product, channel, arch, components };
}

async function serveAndLoop(
  context: Context,
  flags: Flags,
  workspace: Workspace,
  wanted: DevPlan,
): Promise<LoopEnd> {
  const { effects, output, cwd } = context;
  const host = await findHost(context, flags);
  const keys = openKeyRing(context, flags, workspace);
  const tell = tellOn(output, cwd);
  const settleMs = flags.whole('settle', SETTLE_MS);
  const preview = await startPreview({
    files: effects.files,
    root: workspace.paths.public,
    port: portOf(flags),
    onRequest: (line) => output.detail(line),
  });
  const { signal, forget } = hearStop(() => tell.stopping());
  try {
    tell.watching(wanted, preview.url);
    const end = await runLoop({
      effects,
      // Settings that were mended are a reason to try again.
      watched: [
        ...wanted.components.map(([name, path]) => ({ name, path })),
        { name: 'quantix-repo.toml', path: workspace.paths.config },
      ],
      settleMs,
      once: flags.is('once'),
      signal,
      tell,
      publish: (isStill) => publishRound(context, flags, keys, wanted, isStill),
      apply:
        host === null
          ? null
          : () => applyOn(effects, host, preview.url, wanted.channel, signal),
    });
    tell.stopped(end.publications);
    return end;
  } finally {
    forget();
    await preview.close();
  }
}
