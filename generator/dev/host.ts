import { delimiter, join, resolve } from 'node:path';
import { pause } from '../../client/effects/pause.ts';
import type { Effects, ProcessResult } from '../../client/effects/effects.ts';
import { EXIT_CODES, QxError } from '../../client/format/error.ts';
import type { Flags } from '../../client/terminal/command-line.ts';
import type { Context } from '../context.ts';

/** A host on this machine, and the program that updates it. */
export interface Host {
  client: string;
  /** `--config FILE`, or `--root DIR` for a host in a folder. */
  where: string[];
}

export const HOST_OPTIONS = [
  {
    flag: 'host CONFIG',
    describe:
      'Update a host of this machine at once: its update.toml, or the folder of a sandbox',
  },
  {
    flag: 'client FILE',
    describe: 'The qx-update of --host (beside this program, then on the PATH)',
  },
] as const;

/** Transactions end by themselves: their restarts and checks have deadlines. This is for the one that hangs. */
const CLIENT_MS = 2 * 3600 * 1000;
/** Another run on the host, such as cron's, is waited for this often and long. */
const LOCKED_TRIES = 60;
const LOCKED_MS = 1000;

/** What --host and --client say; null without --host. QxError `usage` and `config` for what is not there. */
export async function findHost(context: Context, flags: Flags): Promise<Host | null> {
  const named = flags.text('host');
  if (named === undefined) return null;
  const path = resolve(context.cwd, named);
  const info = await context.effects.files.info(path);
  if (info === null) {
    throw new QxError('usage', '--host: no such file or folder', {
      where: path,
      expected: "a host's update.toml, or the folder of a sandbox",
    });
  }
  const where = [info.type === 'directory' ? '--root' : '--config', path];
  return { client: await findClient(context, flags.text('client')), where };
}

async function findClient(context: Context, named: string | undefined): Promise<string> {
  const onPath = (context.env.PATH ?? '').split(delimiter).filter((each) => each !== '');
  const candidates =
    named === undefined
      ? [...context.clients, ...onPath.map((folder) => join(folder, 'qx-update'))]
      : [resolve(context.cwd, named)];
  for (const candidate of candidates) {
    if ((await context.effects.files.info(candidate)) !== null) return candidate;
  }
  throw new QxError('config', 'no qx-update to update the host with', {
    expected: named === undefined ? 'beside qx-repo or on the PATH' : candidates[0],
    hint: '--client FILE',
  });
}

/** `qx-update apply` from this tree and this channel, whatever the configuration names. */
export async function applyOn(
  { processes, clock }: Effects,
  { client, where }: Host,
  url: string,
  channel: string,
  signal: AbortSignal,
): Promise<ProcessResult> {
  const args = [...where, 'apply', '--url', url, '--channel', channel, '--no-progress'];
  for (let tries = 1; ; tries += 1) {
    const result = await processes.run(client, args, { timeoutMs: CLIENT_MS });
    if (result.status !== EXIT_CODES.locked || tries === LOCKED_TRIES) return result;
    await pause(clock, LOCKED_MS, signal);
  }
}
