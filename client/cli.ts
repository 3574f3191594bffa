import { COMMANDS } from './commands/index.ts';
import {
  COMMON_OPTIONS,
  type Command,
  type Context,
  overridesOf,
} from './commands/command.ts';
import { type Config, loadConfig } from './config/config.ts';
import type { Effects } from './effects/effects.ts';
import { QxError } from './format/error.ts';
import {
  type Flags,
  parseCommandLine,
  printHelp,
  stands,
} from './terminal/command-line.ts';
import { asQxError, createOutput, type Output, type Sink } from './terminal/output.ts';
import { VERSION } from './version.ts';

export interface RunOptions {
  fx: Effects;
  env: Readonly<Record<string, string | undefined>>;
  stdout: Sink;
  stderr: Sink;
  signal: AbortSignal;
  machine: string;
  /** How this program is started: node and its file. */
  program?: readonly string[];
  /** The answer of a person at the terminal; null where nobody sits there. */
  ask?: (question: string) => Promise<string | null>;
}

export const SPEC = { program: 'qx-update', commands: COMMANDS, common: COMMON_OPTIONS };

/** Runs one command line and gives the exit status. Never throws. */
export async function runCommandLine(
  argv: readonly string[],
  options: RunOptions,
): Promise<number> {
  const out = outputFor(argv, options);
  try {
    const asked = parseCommandLine(SPEC, argv);
    if (asked.what === 'help') {
      printHelp(SPEC, asked.command);
      return 0;
    }
    if (asked.what === 'version') {
      out.result({ version: VERSION }, () => `qx-update ${VERSION}`);
      return 0;
    }
    return await runCommand(asked.command, asked.args, asked.flags, out, options);
  } catch (thrown) {
    // An interrupted run ends with the reason for the interruption, whatever it was doing.
    const error = asQxError(
      isInterrupted(thrown, options) ? options.signal.reason : thrown,
    );
    out.error(error);
    return error.exitCode;
  }
}

/** A transaction that was told to stop has finished or gone back first; its own end counts. */
function isInterrupted(thrown: unknown, { signal }: RunOptions): boolean {
  const ended =
    thrown instanceof QxError && /^(apply|rollback)-failed$/.test(thrown.code);
  return signal.aborted && !ended;
}

async function runCommand(
  command: Command,
  args: string[],
  flags: Flags,
  out: Output,
  options: RunOptions,
): Promise<number> {
  const {
    value,
    text,
    exitCode = 0,
  } = await command.run(contextOf(flags, out, options), args, flags);
  out.result(value, () => text);
  return exitCode;
}

function contextOf(flags: Flags, out: Output, options: RunOptions): Context {
  const { fx, env, signal, machine, program = [] } = options;
  const { ask = () => Promise.resolve(null) } = options;
  const root = (flags.text('root') ?? '/').replace(/(?<=.)\/+$/, '');
  const configFile = flags.text('config') ?? env.QX_UPDATE_CONFIG;
  const overrides = overridesOf(flags, root);
  const medium = flags.text('from') !== undefined;
  const sources = { root, configFile, flags: overrides, medium, env, machine };
  let config: Promise<Config> | undefined;
  return {
    fx,
    env,
    out,
    signal,
    ask,
    machine,
    program,
    root,
    configFile,
    overrides,
    config: () => (config ??= loadConfig(fx, sources)),
  };
}

function outputFor(
  argv: readonly string[],
  { env, stdout, stderr, fx }: RunOptions,
): Output {
  const has = (flag: string): boolean => stands(flag, argv);
  return createOutput({
    program: 'qx-update',
    json: has('--json'),
    quiet: has('--quiet'),
    verbose: has('--verbose'),
    progress: !has('--no-progress'),
    color: !has('--no-color') && (env.NO_COLOR ?? '') === '',
    stdout,
    stderr,
    now: () => fx.clock.now(),
  });
}
