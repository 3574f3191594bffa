import type { Flags } from '../../client/terminal/command-line.ts';
import { dirname, resolve } from 'node:path';
import { readIfThere } from '../../client/effects/durable.ts';
import { parseShape } from '../../client/format/document.ts';
import { QxError } from '../../client/format/error.ts';
import { LIMITS } from '../../client/format/limits.ts';
import {
  name as nameShape,
  version as versionShape,
} from '../../client/format/shapes.ts';
import type { Context } from '../context.ts';
import { generate as publish } from '../release/generate.ts';
import {
  type PlanFlags,
  type ReleasePlan,
  planRelease,
  plannedProduct,
} from '../release/plan.ts';
import { type ReleaseFile, parseReleaseFile } from '../release/release-toml.ts';
import { SIGN_OPTIONS, openSession } from '../release/session.ts';
import { describeGenerated, generatedValue } from '../release/summary.ts';
import { productConfig } from '../workspace/config.ts';
import type { Workspace } from '../workspace/workspace.ts';
import { type Command, WRITE_OPTIONS, writingIn } from './command.ts';

export const generate: Command = {
  name: 'generate',
  describe: 'Store built files, sign a release of them, and point a channel at it',
  options: [
    { flag: 'product NAME', describe: 'quantix-os, quantix-vdc, or any other name' },
    { flag: 'version VERSION', describe: 'Version of the release' },
    { flag: 'bump', describe: 'The next version: patch, or pre-release on dev' },
    { flag: 'channel NAME', describe: 'Make it the current release of this channel' },
    { flag: 'component NAME=PATH', describe: 'A file or a folder (repeatable)' },
    {
      flag: 'install-path NAME=PATH',
      describe: 'Where a component goes that quantix-repo.toml does not know',
    },
    { flag: 'service NAME=SERVICE', describe: 'The service that is restarted after it' },
    { flag: 'image PATH', describe: 'A system image: the raw bytes of a slot' },
    {
      flag: 'carry',
      describe: "Take components that are not named over from the channel's release",
    },
    { flag: 'from FILE', describe: 'All of this in a file (release.toml); flags win' },
    { flag: 'notes FILE', describe: 'Release notes' },
    {
      flag: 'attach KIND=FILE',
      describe:
        'A document that goes with it: sbom, provenance, or any other (repeatable)',
    },
    {
      flag: 'min-version VERSION',
      describe: 'The oldest version that may update to this one directly',
    },
    {
      flag: 'arch NAME',
      describe: "Architecture as uname -m says it; joins the version's others",
    },
    { flag: 'fast', describe: 'Light compression, for the developer who iterates' },
    {
      flag: 'jobs N',
      describe:
        'Compressors side by side, about 130 MB of memory each (one for each core)',
    },
    ...SIGN_OPTIONS,
    ...WRITE_OPTIONS,
  ],
  examples: [
    'generate --product quantix-os --version 1.4.2 --channel dev --component qx-node=build/qx-node --component host-ui=dist',
    'generate --product quantix-os --bump --channel dev --carry --component qx-node=build/qx-node --fast',
    'generate --from release.toml --channel beta',
    'generate --from release.toml --attach sbom=bom.cdx.json --attach provenance=build.intoto.json',
  ],
  next: ['verify', 'rollout', 'preflight'],
  run: (context, _args, flags) =>
    writingIn(context, flags, 'generate', async (workspace) => {
      const plan = await readPlan(context, flags, workspace);
      const session = await openSession(context, flags, workspace);
      const result = await publish(session, plan, {
        fast: flags.is('fast'),
        workers: flags.whole('jobs', context.workers, 1),
        progress: (label, total) => context.output.progress(label, total),
      });
      const value = generatedValue(result, workspace);
      return { value, text: describeGenerated(result, workspace) };
    }),
};

async function readPlan(
  context: Context,
  flags: Flags,
  workspace: Workspace,
): Promise<ReleasePlan> {
  const from = flags.text('from');
  const path = from === undefined ? undefined : resolve(context.cwd, from);
  const file = path === undefined ? {} : await readReleaseFile(context, path);
  const asked = planFlags(flags);
  const config = productConfig(workspace.config, plannedProduct(asked, file));
  const folders = {
    cwd: context.cwd,
    fileDir: path === undefined ? context.cwd : dirname(path),
  };
  const plan = planRelease(asked, file, config, folders);
  for (const name of [
    plan.product,
    plan.arch,
    plan.channel,
    ...[...plan.components, ...plan.attachments].map((each) => each.name),
  ]) {
    if (name !== undefined) parseShape(nameShape, name, 'name');
  }
  for (const version of [plan.version, plan.minVersion]) {
    if (version !== undefined) parseShape(versionShape, version, 'version');
  }
  return plan;
}

async function readReleaseFile(context: Context, path: string): Promise<ReleaseFile> {
  const bytes = await readIfThere(context.effects.files, path, LIMITS.configurationBytes);
  if (bytes !== null) return parseReleaseFile(bytes, path);
  throw new QxError('config', 'no such file', { where: path });
}

function planFlags(flags: Flags): PlanFlags {
  return {
    product: flags.text('product'),
    version: flags.text('version'),
    bump: flags.is('bump'),
    channel: flags.text('channel'),
    arch: flags.text('arch'),
    notes: flags.text('notes'),
    minVersion: flags.text('min-version'),
    image: flags.text('image'),
    carry: flags.is('carry'),
    components: flags.pairs('component'),
    installPaths: flags.pairs('install-path'),
    services: flags.pairs('service'),
    attachments: flags.pairs('attach', { repeated: true }),
  };
}
