import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { ROOT, setUp } from './setup.mjs';

export interface Finished {
  /** Exit status; null when a signal ended it. */
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  cwd?: string;
  /** Added to a plain environment: nothing of the developer's own settings reaches the program. */
  env?: Record<string, string>;
  input?: string | Uint8Array;
  /** Then SIGKILL; 120 s when not given. */
  timeoutMs?: number;
}

export interface Running {
  child: ChildProcess;
  /** What was printed so far. */
  stdout(): string;
  stderr(): string;
  /** Waits until either stream has printed this; throws when the program ends before. */
  printed(pattern: RegExp): Promise<void>;
  ended: Promise<Finished>;
}

type Program = 'qx-update' | 'qx-repo';

const FILES: Record<Program, string> = {
  'qx-update': 'dist/qx-update.cjs',
  'qx-repo': 'dist/qx-repo.mjs',
};

/** The built file of a program, built anew when its sources are newer. */
export function programPath(program: Program): string {
  if (process.env.QX_TEST_BUILT !== '1') setUp();
  process.env.QX_TEST_BUILT = '1';
  return path.join(ROOT, FILES[program]);
}

export function qxUpdate(args: string[], options?: RunOptions): Promise<Finished> {
  return run(programPath('qx-update'), args, options);
}

export function qxRepo(args: string[], options?: RunOptions): Promise<Finished> {
  return run(programPath('qx-repo'), args, options);
}

/** Any program, to its end. */
export function run(
  program: string,
  args: string[],
  options?: RunOptions,
): Promise<Finished> {
  return start(program, args, options).ended;
}

/** Any program, while it runs: to stop it midway or to watch it. */
export function start(
  program: string,
  args: string[],
  options: RunOptions = {},
): Running {
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...plainEnvironment(), ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: options.timeoutMs ?? 120_000,
    killSignal: 'SIGKILL',
  });
  // A program that ends without reading its input is no failure of the test.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  const ended = new Promise<Finished>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) =>
      resolve({ status, signal, stdout: stdout(), stderr: stderr() }),
    );
  });
  const printed = (pattern: RegExp): Promise<void> =>
    whenPrinted(child, pattern, () => stdout() + stderr());
  return { child, stdout, stderr, printed, ended };
}

function plainEnvironment(): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '/usr/bin:/bin',
    HOME: '/nonexistent',
    LC_ALL: 'C.UTF-8',
    TZ: 'UTC',
  };
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const pieces: Buffer[] = [];
  stream.on('data', (piece: Buffer) => pieces.push(piece));
  return () => Buffer.concat(pieces).toString('utf8');
}

async function whenPrinted(
  child: ChildProcess,
  pattern: RegExp,
  output: () => string,
): Promise<void> {
  while (!pattern.test(output())) {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`ended before it printed ${String(pattern)}:\n${output()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
