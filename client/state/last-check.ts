import { readOwnIfSound } from '../effects/durable.ts';
import type { Effects } from '../effects/effects.ts';
import { replaceFile } from './activity.ts';

/** When this host last asked, and what came of it. */
export interface LastCheck {
  time: string;
  result: 'up-to-date' | 'available' | 'deferred' | 'refused';
  version?: string;
  /** It was up to date from then on: that run has installed it. */
  installed?: true;
}

function lastCheckFile(stateDir: string): string {
  return `${stateDir}/last-check.json`;
}

export async function writeLastCheck(
  fx: Effects,
  stateDir: string,
  last: LastCheck,
): Promise<void> {
  await replaceFile(
    fx,
    lastCheckFile(stateDir),
    Buffer.from(`${JSON.stringify(last)}\n`),
  );
}

export async function readLastCheck(
  fx: Effects,
  stateDir: string,
): Promise<LastCheck | null> {
  const bytes = await readOwnIfSound(fx.files, lastCheckFile(stateDir), 64 * 1024);
  try {
    return bytes === null ? null : (JSON.parse(bytes.toString('utf8')) as LastCheck);
  } catch {
    return null;
  }
}
