import { createOutput, asQxError, type Sink } from '../client/terminal/output.ts';
import { parseCommandLine, printHelp, stands } from '../client/terminal/command-line.ts';
import { COMMON_OPTIONS } from './commands/command.ts';
import { COMMANDS } from './commands/index.ts';
import type { Context } from './context.ts';

export interface RunOptions extends Omit<Context, 'output'> {
  stdout: Sink;
  stderr: Sink;
  version: string;
}

export const SPEC = { program: 'qx-repo', commands: COMMANDS, common: COMMON_OPTIONS };

/** Runs one command line and gives the exit status. Never throws. */
export async function run(argv: readonly string[], options: RunOptions): Promise<number> {
  const has = (flag: string): boolean => stands(flag, argv);
  const output = createOutput({
    program: 'qx-repo',
    json: has('--json'),
    quiet: has('--quiet'),
    verbose: has('--verbose'),
    progress: !has('--no-progress'),
    color: !has('--no-color') && (options.env.NO_COLOR ?? '') === '',
    stdout: options.stdout,
    stderr: options.stderr,
    now: () => options.effects.clock.now(),
  });
  try {
    const asked = parseCommandLine(SPEC, argv);
    if (asked.what === 'help') {
      printHelp(SPEC, asked.command);
      return 0;
    }
    if (asked.what === 'version') {
      output.result({ version: options.version }, () => `qx-repo ${options.version}`);
      return 0;
    }
    const { command, args, flags } = asked;
    const {
      value,
      text,
      exitCode = 0,
    } = await command.run({ ...options, output }, args, flags);
    output.result(value, () => text);
    return exitCode;
  } catch (thrown) {
    const error = asQxError(thrown);
    output.error(error);
    return error.exitCode;
  }
}
