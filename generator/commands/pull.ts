import { writeDurably } from '../../client/effects/durable.ts';
import { parseShape } from '../../client/format/document.ts';
import { QxError } from '../../client/format/error.ts';
import { name as nameShape } from '../../client/format/shapes.ts';
import type { Flags } from '../../client/terminal/command-line.ts';
import { formatTable } from '../../client/terminal/text.ts';
import { SOURCE_OPTIONS, findTree, pinnedRoot } from '../check/place.ts';
import { describeProblems, problemRecords, surveyRecord } from '../check/report.ts';
import type { Context } from '../context.ts';
import { blocking } from '../pull/accept.ts';
import { type Pulled, pullTree } from '../pull/pull.ts';
import { workspacePaths } from '../workspace/paths.ts';
import { presetConfig } from '../workspace/preset.ts';
import type { Workspace } from '../workspace/workspace.ts';
import {
  type Command,
  type CommandResult,
  WRITE_OPTIONS,
  workspaceFolder,
  writingIn,
} from './command.ts';

export const pull: Command = {
  name: 'pull',
  args: '<tree>',
  describe:
    'Verify a published tree (a folder, file:// or http(s)://) and bring it into the workspace',
  options: [
    {
      flag: 'objects',
      describe: 'Bring the contents of every release too, not only the documents',
    },
    {
      flag: 'root FILE',
      describe: 'The trust root that hosts have; else that of the workspace counts',
    },
    {
      flag: 'theirs',
      describe:
        'Give up what was signed here, was never published, and is in the way of what is served',
    },
    { flag: 'repository ID', describe: 'Make quantix-repo.toml where there is none' },
    ...SOURCE_OPTIONS,
    ...WRITE_OPTIONS,
  ],
  examples: ['pull https://updates.example.org', 'pull /media/usb/public --objects'],
  next: ['generate', 'sign', 'preflight'],
  run: async (context, [argument], flags) => {
    const place = await findTree(context, flags, argument);
    const pinned = await pinnedRoot(context, flags);
    if (!flags.is('dry-run')) await makeConfig(context, flags);
    return writingIn(context, flags, 'pull', async (workspace) => {
      if (place.folder === workspace.paths.public) {
        throw new QxError('usage', 'this is the tree of the workspace itself', {
          where: place.folder,
        });
      }
      const options = { objects: flags.is('objects'), theirs: flags.is('theirs') };
      return answer(
        workspace,
        await pullTree(context, { workspace, place, pinned, ...options }),
      );
    });
  },
};

/** An empty folder becomes a workspace when its repository is named: nobody else's tree is taken for it. */
async function makeConfig(context: Context, flags: Flags): Promise<void> {
  const id = flags.text('repository');
  if (id === undefined) return;
  const { files } = context.effects;
  const paths = workspacePaths(workspaceFolder(context, flags));
  if ((await files.info(paths.config)) !== null) return;
  const repository = parseShape(nameShape, id, '--repository');
  await files.makeDirectory(paths.root);
  await writeDurably(files, paths.config, Buffer.from(presetConfig(repository)));
}

function answer(workspace: Workspace, pulled: Pulled): CommandResult {
  const { accepted, survey, channels, manifests, objects, problems } = pulled;
  const { dryRun, tree } = workspace;
  const [worst] = blocking(problems, survey);
  const value = {
    accepted,
    dryRun,
    ...surveyRecord(survey, pulled.pinned),
    channels,
    manifests,
    objects,
    givenUp: pulled.givenUp,
    changes: tree.changes,
    ...problemRecords(problems),
  };
  const exitCode =
    worst === undefined ? 0 : new QxError(worst.code, worst.message).exitCode;
  const found = problems.all.length === 0 ? [] : ['', describeProblems(problems)];
  const text = [
    ...(accepted ? came(workspace, pulled) : ['nothing was written']),
    ...found,
  ];
  return { value, exitCode, text: text.join('\n') };
}

const STATES = {
  new: 'new',
  moved: 'moved',
  unchanged: 'as before',
  edited: 'edited here and not signed: kept',
} as const;

function came({ tree, dryRun }: Workspace, pulled: Pulled): string[] {
  const { channels, manifests, objects, survey } = pulled;
  const { root } = survey;
  const trust = pulled.pinned ? '' : '; root 1 was taken as found (--root FILE pins it)';
  const rows = channels.map(({ product, channel, version, serial, state }) => [
    `${product}/${channel}`,
    version,
    `${serial}`,
    STATES[state],
  ]);
  const lines = [`repository ${root.repository}, trust root ${root.version}${trust}`];
  if (rows.length > 0)
    lines.push(formatTable([['channel', 'version', 'serial', ''], ...rows], [2]));
  lines.push(`manifests: ${manifests.fetched} fetched, ${manifests.kept} here already`);
  if (objects.fetched + objects.kept > 0)
    lines.push(`objects: ${objects.fetched} fetched, ${objects.kept} here already`);
  if (pulled.givenUp > 0)
    lines.push(`given up here: ${pulled.givenUp} manifests that were never published`);
  lines.push(
    `${tree.changes.length} files ${dryRun ? 'would be written (--dry-run)' : 'written'}`,
  );
  return lines;
}
