import { createHash } from 'node:crypto';
import { openingOf, type Window } from './window.ts';

/** Which of the calls that cron makes is the one that asks: by the host's own grid of moments, k × interval + offset. */

export interface Schedule {
  /** 0: every call asks, and at once. */
  checkIntervalMs: number;
  /** How far hosts are spread behind each multiple of the interval. */
  splayMs: number;
  windows: readonly Window[];
}

export type Due = { due: true; waitMs: number } | { due: false; nextMs: number };

/** How often cron calls. Within such a time a run waits for its moment; for longer it leaves it to a later call. */
export const CALL_MS = 15 * 60_000;

/** A host's place behind each multiple of the interval, in whole seconds of milliseconds: the same for ever. */
export function offsetOf(hostId: string, { checkIntervalMs, splayMs }: Schedule): number {
  const digest = createHash('sha256').update(`splay ${hostId}`).digest();
  const share = digest.readUIntBE(0, 6) / 2 ** 48;
  return Math.floor((share * Math.min(splayMs, checkIntervalMs)) / 1000) * 1000;
}

/**
 * Whether a call at `nowMs` asks, after the last one that did (null: none has). All hosts of a fleet are called at
 * the same second, and what one of them missed is made up for at such a second too; so it waits for its own.
 */
export function dueAt(
  schedule: Schedule,
  offsetMs: number,
  lastMs: number | null,
  nowMs: number,
): Due {
  const { checkIntervalMs, windows } = schedule;
  if (checkIntervalMs === 0) return { due: true, waitMs: 0 };
  const wait = offsetMs % CALL_MS;
  // A window that is shorter than the wait would never be met.
  const closes = openingOf(windows, nowMs).open && !openingOf(windows, nowMs + wait).open;
  const waitMs = closes ? 0 : wait;
  const atMs = nowMs + waitMs;
  const point = atMs - ((atMs - offsetMs) % checkIntervalMs);
  // A time to come is that of a clock which was set back since.
  const asked = lastMs !== null && lastMs >= point && lastMs <= atMs;
  return asked && !hasOpened(windows, lastMs, atMs)
    ? { due: false, nextMs: point + checkIntervalMs }
    : { due: true, waitMs };
}

/** Between two moments a window has opened, and is open still. */
function hasOpened(windows: readonly Window[], lastMs: number, atMs: number): boolean {
  const { untilMs } = openingOf(windows, lastMs);
  return untilMs !== null && untilMs <= atMs && openingOf(windows, atMs).open;
}
