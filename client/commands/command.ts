import { posix } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as v from 'valibot';
import type { Config } from '../config/config.ts';
import { belowRoot } from '../config/load.ts';
import type { ConfigFile } from '../config/schema.ts';
import type { Effects } from '../effects/effects.ts';
import { QxError, printable } from '../format/error.ts';
import { name } from '../format/shapes.ts';
import {
  type CommandSpec,
  type Flags,
  type OptionSpec,
  type CommandResult,
  OUTPUT_OPTIONS,
} from '../terminal/command-line.ts';
import type { Output } from '../terminal/output.ts';

/** Everything that a command may use of the world around it. */
export interface Context {
  fx: Effects;
  env: Readonly<Record<string, string | undefined>>;
  out: Output;
  /** Aborted by SIGTERM and SIGINT, with a QxError `deferred` as its reason. */
  signal: AbortSignal;
  /** The answer of a person at the terminal; null where nobody sits there. */
  ask(question: string): Promise<string | null>;
  /** Architecture of this machine, in the words of uname -m. */
  machine: string;
  /** How this program is started: node and its file. */
  program: readonly string[];
  /** --root, "/" when it is not given. */
  root: string;
  configFile: string | undefined;
  /** Settings that flags of the command line override. */
  overrides: ConfigFile;
  /** The configuration, read when a command first asks for it. */
  config(): Promise<Config>;
}

export type { CommandResult };

/** One verb of the command line. */
export interface Command extends CommandSpec {
  run(context: Context, args: readonly string[], flags: Flags): Promise<CommandResult>;
}

/** The options that every command takes. */
export const COMMON_OPTIONS: readonly OptionSpec[] = [
  { flag: 'config FILE', describe: 'Read this file instead of /quantix/update.toml' },
  { flag: 'root DIR', describe: 'Take every absolute path below DIR (a sandbox)' },
  ...OUTPUT_OPTIONS,
];

/** For commands that ask the repository. */
export const NETWORK_OPTIONS: readonly OptionSpec[] = [
  { flag: 'url URL', describe: 'Ask this base URL instead of the configured ones' },
  { flag: 'channel NAME', describe: 'Follow this channel for this run' },
  {
    flag: 'from DIR',
    describe:
      'Take it from this folder, a stick made by "qx-repo bundle", though its pointer may be old',
  },
];

export const EXIT_CODE_OPTION: OptionSpec = {
  flag: 'exit-code',
  describe: 'Exit with 100 when an update is available, 101 when a reboot is pending',
};

export const EXIT_UPDATE_AVAILABLE = 100;
export const EXIT_REBOOT_PENDING = 101;

/** A file that an argument names: absolute paths lie below --root, relative ones in the current folder. */
export function placed({ root }: Pick<Context, 'root'>, path: string): string {
  return posix.isAbsolute(path) ? belowRoot(root, path) : path;
}

/** What --url, --from and --channel say. QxError `usage` for what is no name of a channel. */
export function overridesOf(flags: Flags, root: string): ConfigFile {
  const url = urlOf(flags, root);
  const channel = flags.text('channel');
  if (channel !== undefined && !v.is(name, channel)) {
    throw new QxError('usage', '--channel is not the name of a channel', {
      expected: 'a name like "stable" (a-z, 0-9, ".", "_", "-")',
      found: printable(channel),
    });
  }
  return {
    ...(url === undefined ? {} : { url }),
    ...(channel === undefined ? {} : { channel }),
  };
}

function urlOf(flags: Flags, root: string): string | undefined {
  const url = flags.text('url');
  const from = flags.text('from');
  if (from === undefined) return url;
  if (url === undefined) return pathToFileURL(placed({ root }, from)).href;
  throw new QxError('usage', '--from and --url name two places', {
    found: `--from ${printable(from)} --url …`,
  });
}
