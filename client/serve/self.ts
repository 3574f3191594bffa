import type { Context } from '../commands/command.ts';
import type { StartedProcess } from '../effects/effects.ts';

/** This program once more, as a process of its own: what it does goes on when `serve` is killed. */
export interface Self {
  /** To its end. */
  run(words: readonly string[], options?: RunOptions): Promise<Ran>;
  /** Apart from this process; `output` is a new file. */
  start(words: readonly string[], output: string): Promise<StartedProcess>;
}

interface RunOptions {
  /** Settings that count for this run alone: QX_UPDATE_…. */
  env?: Record<string, string>;
}

export interface Ran {
  /** Null when it took too long. */
  status: number | null;
  /** What it printed with --json; empty when it failed. */
  value: Record<string, unknown>;
  error: RanError | null;
}

/** As errors are printed with --json. */
export interface RanError {
  code: string;
  message: string;
  where?: string;
  expected?: string;
  found?: string;
  hint?: string;
}

/** Beyond what a mirror may take to answer (README, "Mirrors"). */
const RUN_MS = 120_000;

/** Settings of the environment that a child has to see as well. */
const INHERITED =
  /^(?:QX_UPDATE_\w+|(?:https?|all|no)_proxy|(?:HTTPS?|ALL|NO)_PROXY|NODE_EXTRA_CA_CERTS)$/;

export function openSelf(context: Context): Self {
  const { fx, env, root, configFile, program } = context;
  const [node = '', ...script] = program;
  // A relative --config is meant from where this one was started.
  const folder = process.cwd();
  const settings = ['--root', root, ...(configFile ? ['--config', configFile] : [])];
  const inherited = Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      value !== undefined && INHERITED.test(name) ? [[name, value]] : [],
    ),
  );
  const wordsOf = (words: readonly string[]): string[] => [
    ...script,
    ...settings,
    ...words,
    '--json',
    '--no-progress',
  ];
  return {
    run: async (words, options = {}) => {
      const { status, stdout, stderr } = await fx.processes.run(node, wordsOf(words), {
        timeoutMs: RUN_MS,
        folder,
        env: { ...inherited, ...options.env },
      });
      const error = status === 0 ? null : lastError(stderr.toString('utf8'));
      return { status, value: parsed(stdout.toString('utf8')), error };
    },
    start: (words, output) =>
      fx.processes.start(node, wordsOf(words), { output, folder, env: inherited }),
  };
}

/** The last line that tells of an error; what stands there in its place when none does. */
export function lastError(output: string): RanError {
  const lines = output.trimEnd().split('\n');
  for (const line of lines.toReversed()) {
    const { error } = parsed(line);
    if (typeof error === 'object' && error !== null) return error as RanError;
  }
  return { code: 'defect', message: lines.at(-1)?.slice(0, 500) || 'it said nothing' };
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null
      ? (value as Record<string, unknown>)
      : {};
  } catch {
    return {};
  }
}
