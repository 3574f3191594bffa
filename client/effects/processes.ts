import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import type { ProcessResult, Processes, StartedProcess } from './effects.ts';

const OUTPUT_MAX = 1024 * 1024;
/** What a program that has ended left in its pipes is read for so long. */
const LAST_WORDS_MS = 200;

/** cron gives a short PATH; programs like rc-service lie beyond it. */
const SYSTEM_FOLDERS = [
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
];

/** Programs of this machine, started without a shell. `env` is read for PATH only. */
export function nodeProcesses(env: Record<string, string | undefined>): Processes {
  const clean = { PATH: searchPath(env.PATH), HOME: '/', LC_ALL: 'C.UTF-8' };
  return {
    own: process.pid,
    isAlive,
    start: (program, args, { output, env = {}, folder = '/' }) =>
      startApart(program, args, output, { env: { ...clean, ...env }, cwd: folder }),
    run: (program, args, options) =>
      new Promise<ProcessResult>((resolve, reject) => {
        const child = spawn(program, args, {
          stdio: ['pipe', 'pipe', 'pipe'],
          env: { ...clean, ...options.env },
          cwd: options.folder ?? '/',
          // A group of its own, so that the time limit ends what the program started as well.
          detached: true,
        });
        const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
        let timedOut = false;
        const limit = setTimeout(() => {
          timedOut = true;
          killGroup(child);
        }, options.timeoutMs);
        const stop = (): void => killGroup(child);
        options.signal?.addEventListener('abort', stop);
        const dismiss =
          options.diesWithUs === true ? guard(child) : (): void => undefined;
        const end = (): void => {
          clearTimeout(limit);
          options.signal?.removeEventListener('abort', stop);
          dismiss();
        };
        child.on('error', (error) => {
          end();
          reject(error);
        });
        whenOver(child, (status) => {
          end();
          resolve({ status, timedOut, stdout: stdout(), stderr: stderr() });
        });
        // A program that never reads its input may close the pipe early.
        child.stdin.on('error', () => undefined);
        child.stdin.end(options.input);
      }),
  };
}

function isAlive(id: number): boolean {
  try {
    process.kill(id, 0);
    return true;
  } catch (error) {
    // Somebody else's is there all the same.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function startApart(
  program: string,
  args: readonly string[],
  output: string,
  where: { env: Record<string, string>; cwd: string },
): Promise<StartedProcess> {
  const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = fs.constants;
  const file = fs.openSync(output, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600);
  const child = spawn(program, args, {
    ...where,
    stdio: ['ignore', file, file],
    detached: true,
  });
  fs.closeSync(file);
  child.unref();
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('spawn', () => resolve({ id: child.pid ?? 0, ended }));
  });
}

function searchPath(path: string | undefined): string {
  const own = (path ?? '').split(':').filter((folder) => folder.startsWith('/'));
  return [...new Set([...own, ...SYSTEM_FOLDERS])].join(':');
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The last of the group ended a moment ago.
  }
}

/**
 * Whatever ends this process closes the pipe that a small shell waits at, and the shell ends the group: what a killed
 * run has started does not go on beside the next run. One that is killed in the milliseconds between the two starts
 * leaves the program behind. Gives what dismisses it.
 */
function guard({ pid }: ChildProcess): () => void {
  if (pid === undefined) return () => undefined;
  const script = 'read -r _; kill -9 "-$1"';
  const shell = spawn('/bin/sh', ['-c', script, 'sh', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  // Without it the program runs all the same; only a killed run would leave it behind.
  shell.on('error', () => undefined);
  shell.stdin.on('error', () => undefined);
  shell.unref();
  return () => shell.kill('SIGKILL');
}

/**
 * Once, when the program has ended. A service that it started may hold its pipes for ever: then they are
 * read on, so that the service does not die of them, and no longer waited for.
 */
function whenOver(child: ChildProcess, over: (status: number | null) => void): void {
  child.on('exit', (status) => {
    const patience = setTimeout(() => {
      for (const pipe of [child.stdout, child.stderr]) {
        if (pipe !== null && 'unref' in pipe) (pipe as unknown as NodeJS.Timeout).unref();
      }
      over(status);
    }, LAST_WORDS_MS);
    child.on('close', () => {
      clearTimeout(patience);
      over(status);
    });
  });
}

/** The end of what was printed: that is where a program says why it failed. */
function collect(stream: NodeJS.ReadableStream): () => Buffer {
  const pieces: Buffer[] = [];
  let size = 0;
  stream.on('data', (piece: Buffer) => {
    pieces.push(piece);
    size += piece.length;
    for (let first = pieces[0]; first && size - first.length >= OUTPUT_MAX;) {
      size -= first.length;
      pieces.shift();
      first = pieces[0];
    }
  });
  return () => Buffer.concat(pieces).subarray(-OUTPUT_MAX);
}
