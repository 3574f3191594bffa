import { spawn } from 'node:child_process';
import process from 'node:process';

/** When the terminal shows this, that is typed. */
export type Turn = [shown: RegExp, typed: string];

export interface Sat {
  status: number | null;
  /** All that the terminal showed, echo included. */
  screen: string;
}

/** A program at a terminal of its own (`script` makes one), where somebody answers in turn. */
export function atTerminal(
  words: string[],
  turns: Turn[],
  options: { cwd: string; env?: Record<string, string> },
): Promise<Sat> {
  const command = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  const child = spawn(
    'script',
    ['--quiet', '--return', '--command', command, '/dev/null'],
    {
      cwd: options.cwd,
      env: { PATH: process.env.PATH, HOME: '/nonexistent', TERM: 'dumb', ...options.env },
      timeout: 120_000,
      killSignal: 'SIGKILL',
    },
  );
  const left = [...turns];
  let screen = '';
  let seen = 0;
  child.stdin.on('error', () => undefined);
  child.stdout.on('data', (piece: Buffer) => {
    screen += piece.toString('utf8');
    const [shown, typed] = left[0] ?? [];
    if (shown?.test(screen.slice(seen)) !== true) return;
    left.shift();
    seen = screen.length;
    child.stdin.write(typed ?? '');
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => {
      child.stdin.end();
      resolve({ status, screen });
    });
  });
}
