import { type ChildProcess, spawn } from 'node:child_process';
import type { ProcessResult, Processes } from './effects.ts';

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
    user: process.getuid?.() ?? 0,
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
        child.on('error', (error) => {
          clearTimeout(limit);
          reject(error);
        });
        whenOver(child, (status) => {
          clearTimeout(limit);
          resolve({ status, timedOut, stdout: stdout(), stderr: stderr() });
        });
        // A program that never reads its input may close the pipe early.
        child.stdin.on('error', () => undefined);
        child.stdin.end(options.input);
      }),
  };
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

function collect(stream: NodeJS.ReadableStream): () => Buffer {
  const pieces: Buffer[] = [];
  let size = 0;
  stream.on('data', (piece: Buffer) => {
    if (size < OUTPUT_MAX) pieces.push(piece.subarray(0, OUTPUT_MAX - size));
    size += piece.length;
  });
  return () => Buffer.concat(pieces);
}
