import { QxError } from '../format/error.ts';
import { formatTime } from '../format/time.ts';

/** Step 11: the hours in which this host lets itself be changed, by the clock on a wall in some zone. */

export const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;

export interface Window {
  /** The days on which it opens; one that runs over midnight closes on the day after. */
  days: readonly (typeof DAYS)[number][];
  /** "22:00"; `to` may be "24:00". */
  from: string;
  to: string;
  /** As the IANA names it: "Europe/Berlin". */
  zone: string;
}

/** `untilMs`: when that changes; null where it never does. */
export interface Opening {
  open: boolean;
  untilMs: number | null;
}

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** A weekly window whose hour the clocks skip opens two weeks after the last time. */
const AHEAD_MS = 15 * DAY_MS;

/**
 * Whether one of the windows is open, and until when. The wall clock alone decides: an hour that it skips in
 * spring opens nothing, and an hour that it shows twice in autumn is open twice. Without windows all is open.
 */
export function openingOf(windows: readonly Window[], nowMs: number): Opening {
  if (windows.length === 0) return { open: true, untilMs: null };
  const timed = windows.map((window) => ({ window, wall: wallClock(window.zone) }));
  const isOpen = (ms: number): boolean =>
    timed.some(({ window, wall }) => isInside(window, wall(ms)));
  const open = isOpen(nowMs);
  let ms = Math.floor(nowMs / 1000) * 1000;
  while (ms < nowMs + AHEAD_MS) {
    const from = ms;
    ms = Math.min(...timed.map(({ window, wall }) => nextStep(window, wall, from)));
    if (isOpen(ms) !== open) return { open, untilMs: ms };
  }
  return { open, untilMs: null };
}

/** QxError `deferred` outside of the windows, unless the publisher's deadline has passed. */
export function checkWindows(
  windows: readonly Window[],
  deadline: string | undefined,
  nowMs: number,
): void {
  const { open, untilMs } = openingOf(windows, nowMs);
  if (open || (deadline !== undefined && nowMs >= Date.parse(deadline))) return;
  const ends = deadline === undefined ? Infinity : Date.parse(deadline);
  const next = Math.min(untilMs ?? Infinity, ends);
  throw new QxError('deferred', 'window: this host is not changed at this hour', {
    where: 'windows in update.toml',
    expected: next === Infinity ? 'a window that opens' : `${formatTime(next)} or later`,
    found: formatTime(nowMs),
    hint: 'it goes on by itself then; "--now" does not wait',
  });
}

/** Whether this program's tables of time zones have that name. */
export function isZone(name: string): boolean {
  try {
    wallClock(name);
    return true;
  } catch {
    return false;
  }
}

/** What the clock on the wall shows at a moment, as the moment at which UTC shows it. Whole seconds. */
type WallClock = (ms: number) => number;

/** To make one takes longer than to ask it a hundred times. */
const CLOCKS = new Map<string, WallClock>();

function wallClock(zone: string): WallClock {
  const clock = CLOCKS.get(zone) ?? makeWallClock(zone);
  CLOCKS.set(zone, clock);
  return clock;
}

function makeWallClock(timeZone: string): WallClock {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  return (ms) => {
    const shown = new Map(
      format.formatToParts(ms).map(({ type, value }) => [type, Number(value)]),
    );
    const of = (part: Intl.DateTimeFormatPartTypes): number => shown.get(part) ?? 0;
    const day = [of('year'), of('month') - 1, of('day')] as const;
    return Date.UTC(...day, of('hour'), of('minute'), of('second'));
  };
}

function isInside({ days, from, to }: Window, wallMs: number): boolean {
  const opensOn = (ms: number): boolean => {
    const day = DAYS[new Date(ms).getUTCDay()];
    return day !== undefined && days.includes(day);
  };
  const time = wallMs % DAY_MS;
  const [opens, closes] = [timeOf(from), timeOf(to)];
  if (opens < closes) return opensOn(wallMs) && time >= opens && time < closes;
  return (
    (opensOn(wallMs) && time >= opens) || (opensOn(wallMs - DAY_MS) && time < closes)
  );
}

/** "02:30" in milliseconds after midnight. */
function timeOf(text: string): number {
  const [hours = 0, minutes = 0] = text.split(':').map(Number);
  return (hours * 60 + minutes) * MINUTE_MS;
}

/** The next moment at which a window may open or close: an end of it, or a change of the clocks. */
function nextStep({ from, to }: Window, wall: WallClock, ms: number): number {
  const time = wall(ms) % DAY_MS;
  const ends = [timeOf(from), timeOf(to)].map((end) => end - time);
  const next =
    ms + Math.min(...ends.map((ahead) => (ahead > 0 ? ahead : ahead + DAY_MS)));
  const offset = wall(ms) - ms;
  if (wall(next) - next === offset) return next;
  let [before, after] = [ms, next];
  while (after - before > 1000) {
    const middle = Math.floor((before + after) / 2000) * 1000;
    if (wall(middle) - middle === offset) before = middle;
    else after = middle;
  }
  return after;
}
