import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { QxError } from '../format/error.ts';
import { atOnce } from './at-once.ts';
import type { Lock } from './effects.ts';

/**
 * flock(2) on a descriptor of ours, taken by the `flock` program (util-linux or busybox), which inherits it
 * as number 3. The kernel ties the lock to the open file, so it outlives `flock` and ends with this process,
 * however that ends; and it holds across network namespaces.
 */
export function lockFile(path: string): Lock | null {
  const { O_RDWR, O_CREAT, O_NOFOLLOW } = fs.constants;
  const file = fs.openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
  const { status, error } = spawnSync('flock', ['-n', '3'], {
    stdio: ['ignore', 'ignore', 'ignore', file],
  });
  if (status === 0) return { release: atOnce(() => fs.closeSync(file)) };
  fs.closeSync(file);
  if (error === undefined && status === 1) return null;
  // Whether `flock` is there is not the question then.
  if (error !== undefined && isExhausted(error)) throw error;
  throw new QxError('local-state', 'cannot take the lock', {
    where: path,
    found: error?.message ?? `flock ended with ${String(status)}`,
    hint: 'is the program "flock" (util-linux or busybox) installed',
    cause: error,
  });
}

function isExhausted({ code }: NodeJS.ErrnoException): boolean {
  return code === 'EMFILE' || code === 'ENFILE';
}
