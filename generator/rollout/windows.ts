import { QxError } from '../../client/format/error.ts';
import { DAYS, type Window, isZone, openingOf } from '../../client/policy/window.ts';

const FORM = /^(?:(\S+) )?([0-2]\d:[0-5]\d)-([0-2]\d:[0-5]\d) (\S+)$/;

/** `sat,sun 22:00-04:00 Europe/Berlin`; without days every day. QxError `usage`. */
export function parseWindow(text: string): Window {
  const [, list, from = '', to = '', zone = ''] = FORM.exec(text) ?? [];
  const named = list?.split(',') ?? [...DAYS];
  const days = DAYS.filter((day) => named.includes(day));
  const isWhole = days.length === named.length && from < '24:00' && to <= '24:00';
  if (zone !== '' && isWhole && from !== to && isZone(zone))
    return { days, from, to, zone };
  throw new QxError('usage', '--windows is not one', {
    expected: 'for instance "sat,sun 22:00-04:00 Europe/Berlin"',
    found: text,
  });
}

export interface OpenHours {
  isOpen: (ms: number) => boolean;
  /** Times at which a window opens, in their order; and at which it is closed again. */
  openings: readonly { fromMs: number; untilMs: number }[];
}

/** When hosts with these windows let themselves be changed, by the hosts' own function, looked up once. */
export function openHours(
  windows: readonly Window[],
  deadline: string | undefined,
  startMs: number,
  endMs: number,
): OpenHours {
  if (windows.length === 0) return { isOpen: () => true, openings: [] };
  const spans: { fromMs: number; untilMs: number }[] = [];
  for (let ms = startMs; ms < endMs;) {
    const { open, untilMs } = openingOf(windows, ms);
    const next = untilMs ?? endMs;
    if (open) spans.push({ fromMs: ms, untilMs: next });
    ms = next;
  }
  const patienceMs = deadline === undefined ? Infinity : Date.parse(deadline);
  const isIn = (ms: number): boolean =>
    spans.some(({ fromMs, untilMs }) => ms >= fromMs && ms < untilMs);
  return {
    isOpen: (ms) => ms >= patienceMs || isIn(ms),
    // One that is open from the beginning on was seen to open before.
    openings: spans.filter(({ fromMs }) => fromMs > startMs),
  };
}
