import { QxError } from '../../client/format/error.ts';
import { formatBytes, formatTable } from '../../client/terminal/text.ts';
import { parseDuration } from '../check/life.ts';
import type { Context } from '../context.ts';
import type { HeldRelease } from '../prune/plan.ts';
import {
  type Pruning,
  lookForPruning,
  prune as take,
  removable,
} from '../prune/prune.ts';
import { writePruned } from '../prune/removable.ts';
import {
  type Command,
  type CommandResult,
  type Flags,
  readingIn,
  writingIn,
} from './command.ts';

export const prune: Command = {
  name: 'prune',
  describe:
    'Say which releases nothing needs any more and, with --apply, take them out of the tree',
  options: [
    { flag: 'apply', describe: 'Do it; without, nothing is written' },
    { flag: 'keep N', describe: 'Newest releases of each product that stay (10)' },
    { flag: 'grace TIME', describe: 'Younger releases stay (30d)' },
    {
      flag: 'removable',
      describe: 'Print what was pruned here and the host may delete, a path a line',
    },
    { flag: 'removed', describe: 'The host has deleted that: forget the list' },
    {
      flag: 'wait SECONDS',
      describe: 'How long to wait for another run in the workspace (10)',
    },
  ],
  examples: ['prune', 'prune --apply --keep 5 --grace 60d'],
  next: ['verify', 'preflight'],
  run: async (context, _args, flags) => {
    const wanted = ['apply', 'removable', 'removed'].filter((flag) => flags.is(flag));
    if (wanted.length > 1) {
      throw new QxError('usage', 'these flags exclude each other', {
        found: wanted.map((flag) => `--${flag}`).join(' '),
      });
    }
    if (flags.is('removable')) return list(context, flags);
    if (flags.is('removed')) return forget(context, flags);
    const rules = {
      nowMs: context.effects.clock.now(),
      graceMs: parseDuration(flags.text('grace') ?? '30d', 'grace'),
      keep: flags.whole('keep', 10, 1),
    };
    if (!flags.is('apply')) {
      const workspace = await readingIn(context, flags);
      return answer(await lookForPruning(workspace, rules), false);
    }
    return writingIn(context, flags, 'prune', async (workspace) => {
      const pruning = await lookForPruning(workspace, rules);
      await take(workspace, pruning);
      return answer(pruning, true);
    });
  },
};

async function list(context: Context, flags: Flags): Promise<CommandResult> {
  const paths = await removable(await readingIn(context, flags));
  return { value: { paths }, text: paths.join('\n') };
}

function forget(context: Context, flags: Flags): Promise<CommandResult> {
  return writingIn(context, flags, 'prune', async (workspace) => {
    await writePruned(workspace, []);
    return { value: { paths: [] }, text: '' };
  });
}

function answer(pruning: Pruning, applied: boolean): CommandResult {
  const { kept, dropped, paths, bytes } = pruning;
  const name = ({ product, row }: HeldRelease) => ({
    product,
    version: row.version,
    release: row.release,
  });
  const value = {
    applied,
    kept: kept.map(name),
    dropped: dropped.map(name),
    paths,
    bytes,
  };
  return { value, text: describe(pruning, applied) };
}

function describe({ kept, dropped, paths, bytes }: Pruning, applied: boolean): string {
  if (paths.length === 0) return `nothing to prune: ${kept.length} releases stay`;
  const rows = dropped.map(({ product, row }) => [
    product,
    row.version,
    row.release_date.slice(0, 10),
  ]);
  const sum = `${dropped.length} releases, ${paths.length} files, ${formatBytes(bytes)}`;
  const end = applied
    ? `${sum} taken out; ${kept.length} releases stay. Publish, and let the script delete them at the host (--prune)`
    : `${sum} would go and ${kept.length} releases stay (--apply does it)`;
  return `${formatTable([['product', 'version', 'of'], ...rows])}\n${end}`;
}
