import { readOwnIfSound } from '../effects/durable.ts';
import type { Effects } from '../effects/effects.ts';

/** What a run is doing right now, for `status` in a second shell. */
export interface Activity {
  phase: 'checking' | 'downloading' | 'installing';
  component?: string | undefined;
  version?: string | undefined;
  downloadedBytes: number;
  totalBytes: number;
  percent: number;
  updated: string;
  /** Number of the process that does it. */
  pid?: number;
}

const WRITE_EVERY_MS = 300;
const BYTES_MAX = 64 * 1024;

function activityFile(stateDir: string): string {
  return `${stateDir}/activity.json`;
}

export interface ActivityWriter {
  /** Writes at most three times a second, except when the phase or the component changes. */
  report(activity: Omit<Activity, 'percent' | 'updated' | 'pid'>): Promise<void>;
  clear(): Promise<void>;
}

/** Not synced to disk: nothing depends on it, and it is gone when the run ends. */
export function activityWriter(fx: Effects, stateDir: string): ActivityWriter {
  const path = activityFile(stateDir);
  let lastMs = -Infinity;
  let lastStep = '';
  return {
    report: async (activity) => {
      const now = fx.clock.now();
      const step = `${activity.phase} ${activity.component ?? ''}`;
      if (step === lastStep && now - lastMs < WRITE_EVERY_MS) return;
      lastMs = now;
      lastStep = step;
      const { downloadedBytes } = activity;
      // What was damaged comes a second time, which no plan knew.
      const totalBytes = Math.max(activity.totalBytes, downloadedBytes);
      const percent =
        totalBytes === 0 ? 0 : Math.floor((downloadedBytes / totalBytes) * 100);
      const record: Activity = {
        ...activity,
        totalBytes,
        percent,
        updated: new Date(now).toISOString(),
        pid: fx.processes.own,
      };
      await replaceFile(fx, path, Buffer.from(`${JSON.stringify(record)}\n`));
    },
    clear: () => fx.files.remove(path),
  };
}

/** By rename, not synced: for what a crash may forget. */
export async function replaceFile(
  fx: Effects,
  path: string,
  bytes: Buffer,
): Promise<void> {
  const temporary = `${path}.new`;
  await fx.files.remove(temporary);
  const file = await fx.files.open(temporary, 'create');
  await file.write(bytes).finally(() => file.close());
  await fx.files.rename(temporary, path);
}

/**
 * The same for what tells how things stand: on a disk without room for another file it is written over the older word,
 * which would be believed else. Blanks at its end, for nothing is cut off, are JSON as well.
 */
export async function renewFile(fx: Effects, path: string, bytes: Buffer): Promise<void> {
  try {
    await replaceFile(fx, path, bytes);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const info = await fx.files.info(path);
    if ((code !== 'ENOSPC' && code !== 'EDQUOT') || info === null) throw error;
    await fx.files.remove(`${path}.new`);
    const blanks = Buffer.alloc(Math.max(info.size - bytes.length, 0), ' ');
    const file = await fx.files.open(path, 'overwrite');
    await file.write(Buffer.concat([bytes, blanks])).finally(() => file.close());
  }
}

export async function readActivity(
  fx: Effects,
  stateDir: string,
): Promise<Activity | null> {
  const bytes = await readOwnIfSound(fx.files, activityFile(stateDir), BYTES_MAX);
  try {
    return bytes === null ? null : (JSON.parse(bytes.toString('utf8')) as Activity);
  } catch {
    return null;
  }
}
