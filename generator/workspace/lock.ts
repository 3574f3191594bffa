import { dirname } from 'node:path';
import type { Effects, Lock } from '../../client/effects/effects.ts';
import { readIfThere, writeDurably } from '../../client/effects/durable.ts';
import { QxError, printable } from '../../client/format/error.ts';
import type { WorkspacePaths } from './paths.ts';

const POLL_MS = 100;
const HOLDER_BYTES_MAX = 1024;

export interface LockOptions {
  /** Said to the run that has to wait: "process 4711: qx-repo generate". */
  who: string;
  waitMs: number;
  /** Called once when another run holds the lock and this one begins to wait. */
  onWait?: (holder: string) => void;
}

/**
 * Runs `work` as the only run in the workspace. Waits `waitMs` for another one to end;
 * QxError `locked` names that one.
 */
export async function withLock<T>(
  effects: Effects,
  paths: WorkspacePaths,
  options: LockOptions,
  work: () => Promise<T>,
): Promise<T> {
  await effects.files.makeDirectory(dirname(paths.lock), 0o700);
  const lock = await acquire(effects, paths, options);
  try {
    await writeDurably(effects.files, paths.holder, Buffer.from(`${options.who}\n`));
    return await work();
  } finally {
    try {
      await effects.files.remove(paths.holder);
    } finally {
      await lock.release();
    }
  }
}

async function acquire(
  effects: Effects,
  paths: WorkspacePaths,
  options: LockOptions,
): Promise<Lock> {
  const deadline = effects.clock.now() + options.waitMs;
  let told = false;
  for (;;) {
    const lock = await effects.files.lock(paths.lock);
    if (lock !== null) return lock;
    const holder = await readHolder(effects, paths);
    if (effects.clock.now() >= deadline) throw heldBy(holder, paths);
    if (!told) options.onWait?.(holder);
    told = true;
    await effects.clock.sleep(POLL_MS);
  }
}

async function readHolder(effects: Effects, paths: WorkspacePaths): Promise<string> {
  const bytes = await readIfThere(effects.files, paths.holder, HOLDER_BYTES_MAX);
  return printable(bytes?.toString('utf8').trim() ?? 'another run');
}

function heldBy(holder: string, paths: WorkspacePaths): QxError {
  return new QxError('locked', 'another run works in this workspace', {
    where: paths.lock,
    found: holder,
    hint: 'wait for it, or give it longer with --wait SECONDS',
  });
}
