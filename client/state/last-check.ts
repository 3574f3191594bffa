import { readOwnIfSound } from '../effects/durable.ts';
import type { Effects } from '../effects/effects.ts';
import type { Refusal } from '../format/client-state.ts';
import { renewFile } from './activity.ts';

/** When this host last asked, and what came of it. */
export interface LastCheck {
  time: string;
  result: 'up-to-date' | 'available' | 'deferred' | 'refused';
  version?: string;
  /** It was up to date from then on: that run has installed it. */
  installed?: true;
  /** What was refused then, where the state had no room for it. */
  unkept?: Refusal;
}

function lastCheckFile(stateDir: string): string {
  return `${stateDir}/last-check.json`;
}

export async function writeLastCheck(
  fx: Effects,
  stateDir: string,
  last: LastCheck,
): Promise<void> {
  const bytes = Buffer.from(`${JSON.stringify(last)}\n`);
  await renewFile(fx, lastCheckFile(stateDir), bytes);
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
