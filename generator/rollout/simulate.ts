import { createHash } from 'node:crypto';
import { type Rollout, shareAt, turnOf } from '../../client/policy/rollout.ts';
import { CALL_MS } from '../../client/policy/schedule.ts';
import type { Window } from '../../client/policy/window.ts';
import { openHours, type OpenHours } from './windows.ts';

/** A fleet that is not there, taking a release by the very function by which real hosts decide. */

export interface Fleet {
  hosts: number;
  /** The same seed is the same fleet. */
  seed: string;
  /** Between two looks of a host; each looks at a moment of its own, and when a window opens. */
  intervalMs: number;
  /** Percent of looks at which a host is switched off or has no network. */
  offlinePercent: number;
  /** When hosts let themselves be changed; none is always. */
  windows: readonly Window[];
  /** Of the pointer: from then on windows do not count. */
  deadline?: string | undefined;
}

export interface Simulated {
  hours: SimulatedHour[];
  /** Hosts that have the release at the end of the last hour. */
  installed: number;
  /** Hours from the start to the pause of a release that turned out to be bad; null where nobody paused it. */
  pausedAfterHours: number | null;
}

export interface SimulatedHour {
  /** From the start of the rollout to this line. */
  hour: number;
  /** Hosts that have the release. */
  installed: number;
  /** Percent of hosts that the rollout has let through. */
  sharePercent: number;
}

const HOUR_MS = 3_600_000;
/** What is still looked at after a rollout has reached its end: hosts that were off. */
const LATE_HOURS = 48;
/** The same for hosts that wait for a window, which opens once a week at least. */
const LATE_WITH_WINDOWS_HOURS = 8 * 24;

/**
 * Hour by hour, who has the release whose manifest has the digest `release`. With `stopAfterPercent` its publisher pauses
 * the channel at the end of the hour in which so many hosts have it: nobody takes it from then on.
 */
export function simulate(
  rollout: Rollout,
  release: string,
  fleet: Fleet,
  stopAfterPercent: number | null,
): Simulated {
  const startMs = Date.parse(rollout.start);
  const late = fleet.windows.length === 0 ? LATE_HOURS : LATE_WITH_WINDOWS_HOURS;
  const last = Math.ceil(rollout.hours) + late;
  const endMs = startMs + last * HOUR_MS;
  const open = openHours(fleet.windows, fleet.deadline, startMs, endMs);
  const taken = new Array<number>(last + 1).fill(0);
  for (let host = 0; host < fleet.hosts; host += 1) {
    const atMs = takes(rollout, release, fleet, host, { ...open, endMs });
    if (atMs === null) continue;
    const hour = Math.ceil((atMs - startMs) / HOUR_MS);
    taken[hour] = (taken[hour] ?? 0) + 1;
  }
  return counted(rollout, fleet, taken, stopAfterPercent);
}

function counted(
  rollout: Rollout,
  fleet: Fleet,
  taken: readonly number[],
  stopAfterPercent: number | null,
): Simulated {
  const startMs = Date.parse(rollout.start);
  const enough = ((stopAfterPercent ?? Infinity) / 100) * fleet.hosts;
  const all = taken.reduce((sum, count) => sum + count, 0);
  const hours: SimulatedHour[] = [];
  let installed = 0;
  for (const [hour, count] of taken.entries()) {
    installed += count;
    const sharePercent = shareAt(rollout, startMs + hour * HOUR_MS);
    hours.push({ hour, installed, sharePercent });
    if (installed > 0 && installed >= enough)
      return { hours, installed, pausedAfterHours: hour };
    if (hour >= rollout.hours && installed === all) break;
  }
  return { hours, installed, pausedAfterHours: null };
}

/** The look at which a host takes the release; null for one that does not until `endMs`. */
function takes(
  rollout: Rollout,
  release: string,
  fleet: Fleet,
  host: number,
  { endMs, isOpen, openings }: OpenHours & { endMs: number },
): number | null {
  const { seed, intervalMs, offlinePercent } = fleet;
  const id = hostIdOf(seed, host);
  // With groups, the hosts that are counted are those of the groups.
  const who = { id, groups: rollout.groups ?? [] };
  const startMs = Date.parse(rollout.start);
  const behindMs = Math.round(drawn(`${seed} look of ${host}`) * intervalMs);
  const lookFrom = looksOf(startMs + behindMs, intervalMs, openings);
  for (let atMs = lookFrom(startMs); atMs <= endMs; atMs = lookFrom(atMs + 1)) {
    const turn = turnOf(rollout, release, who, atMs);
    if (turn.turn === 'never') return null;
    if (turn.turn === 'later') {
      atMs = Math.ceil(turn.fromMs) - 1;
      continue;
    }
    const isOff = drawn(`${seed} ${host} at ${atMs}`) * 100 < offlinePercent;
    if (!isOff && isOpen(atMs)) return atMs;
  }
  return null;
}

/**
 * The look that a host takes at a moment or next after it: each interval, and with the first call of cron at which a window is
 * open, as `dueAt` of client/policy/schedule.ts lets it ask. Whole milliseconds.
 */
function looksOf(
  firstMs: number,
  intervalMs: number,
  openings: OpenHours['openings'],
): (ms: number) => number {
  const waitMs = firstMs % CALL_MS;
  const callFrom = (ms: number): number => Math.ceil(ms / CALL_MS) * CALL_MS;
  const opened = openings.map(({ fromMs, untilMs }) => {
    const own = callFrom(fromMs - waitMs) + waitMs;
    return own < untilMs ? own : callFrom(fromMs);
  });
  return (ms) => {
    const rounds = Math.max(Math.ceil((ms - firstMs) / intervalMs), 0);
    const next = opened.find((each) => each >= ms) ?? Infinity;
    return Math.min(firstMs + rounds * intervalMs, next);
  };
}

/** The id of the n-th host of a fleet; real ones are as long and as random. */
export function hostIdOf(seed: string, host: number): string {
  return sha256(`${seed} host ${host}`).toString('hex').slice(0, 32);
}

/** From 0 to below 1, the same for the same words. */
function drawn(words: string): number {
  return sha256(words).readUIntBE(0, 6) / 2 ** 48;
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
