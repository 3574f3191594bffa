import { readIfThere } from '../effects/durable.ts';
import type { Effects } from '../effects/effects.ts';
import { formatTime } from '../format/time.ts';
import { renewFile } from './activity.ts';

/** When `run` last asked. What people and monitors ask in between does not count: it installs nothing. */

function lastRunFile(stateDir: string): string {
  return `${stateDir}/last-run.json`;
}

export async function writeLastRun(
  fx: Effects,
  stateDir: string,
  ms: number,
): Promise<void> {
  const text = `${JSON.stringify({ time: formatTime(ms) })}\n`;
  await renewFile(fx, lastRunFile(stateDir), Buffer.from(text));
}

/** Milliseconds since 1970; null where nothing can be read, and then the next call asks. */
export async function readLastRun(fx: Effects, stateDir: string): Promise<number | null> {
  const bytes = await readIfThere(fx.files, lastRunFile(stateDir), 64 * 1024);
  try {
    const ms = Date.parse((JSON.parse(String(bytes)) as { time: string }).time);
    return Number.isNaN(ms) ? null : ms;
  } catch {
    return null;
  }
}
