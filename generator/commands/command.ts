import { resolve } from 'node:path';
import {
  type CommandSpec,
  type Flags,
  type OptionSpec,
  type CommandResult,
  OUTPUT_OPTIONS,
} from '../../client/terminal/command-line.ts';
import { QxError, printable } from '../../client/format/error.ts';
import type { Context } from '../context.ts';
import { withLock } from '../workspace/lock.ts';
import { workspacePaths } from '../workspace/paths.ts';
import { type Workspace, emptyStaging, openWorkspace } from '../workspace/workspace.ts';

export type { CommandResult, Flags, OptionSpec };

/** One verb of the command line. */
export interface Command extends CommandSpec {
  run(context: Context, args: readonly string[], flags: Flags): Promise<CommandResult>;
}

/** The options that every command takes. */
export const COMMON_OPTIONS: readonly OptionSpec[] = [
  { flag: 'workspace DIR', describe: 'Work in this folder instead of the current one' },
  ...OUTPUT_OPTIONS,
];

export const WAIT_OPTION: OptionSpec = {
  flag: 'wait SECONDS',
  describe: 'How long to wait for another run in the workspace (10)',
};

/** For commands that write. */
export const WRITE_OPTIONS: readonly OptionSpec[] = [
  { flag: 'dry-run', describe: 'Say what would be written, and write nothing' },
  WAIT_OPTION,
];

/** An argument that is a whole number. QxError `usage`. */
export function wholeArgument(name: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new QxError('usage', `<${name}> is not a number`, {
    expected: 'a whole number',
    found: printable(text),
  });
}

export function workspaceFolder(context: Context, flags: Flags): string {
  return resolve(context.cwd, flags.text('workspace') ?? '.');
}

/** The workspace for a command that only reads. */
export function readingIn(context: Context, flags: Flags): Promise<Workspace> {
  return openWorkspace(context.effects, workspaceFolder(context, flags));
}

/** Runs `work` in the workspace as the only run that writes. */
export async function writingIn<T>(
  context: Context,
  flags: Flags,
  command: string,
  work: (workspace: Workspace) => Promise<T>,
): Promise<T> {
  const { effects } = context;
  const folder = workspaceFolder(context, flags);
  // Before the lock, which would make its folder in a place that is no workspace.
  const opened = await openWorkspace(effects, folder, { dryRun: flags.is('dry-run') });
  return withLock(
    effects,
    workspacePaths(folder),
    lockOptions(context, flags, command),
    async () => {
      await emptyStaging(opened);
      return work(opened);
    },
  );
}

/** How long a run waits for another one, and how it is named to one that waits for it. */
export function lockOptions(context: Context, flags: Flags, command: string) {
  return {
    who: `${context.who}: qx-repo ${command}`,
    waitMs: flags.whole('wait', 10) * 1000,
    onWait: (holder: string): void => {
      context.output.say(`waiting for another run in this workspace (${holder})`);
    },
  };
}
