import { QxError } from '../../client/format/error.ts';
import { formatTime } from '../../client/format/time.ts';

const DAY_MS = 86_400_000;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

export function addDays(time: string, days: number): string {
  return formatTime(Date.parse(time) + days * DAY_MS);
}

/** "2026-01-31T12:00:00Z" of a day that exists. */
export function isTime(text: string): boolean {
  const at = Date.parse(text);
  return TIME.test(text) && !Number.isNaN(at) && formatTime(at) === text;
}

/** `--issued`, or the real clock. */
export function issuedTime(given: string | undefined, nowMs: number): string {
  if (given === undefined) return formatTime(nowMs);
  if (isTime(given)) return given;
  throw new QxError('usage', '--issued is not a time', {
    expected: 'a time like "2026-01-31T12:00:00Z"',
    found: given,
  });
}

/** The date of a release: SOURCE_DATE_EPOCH (seconds since 1970), or the real clock. */
export function releaseTime(epoch: string | undefined, nowMs: number): string {
  if (epoch === undefined || epoch === '') return formatTime(nowMs);
  const seconds = Number(epoch);
  if (/^\d+$/.test(epoch) && seconds < 253_402_300_800) return formatTime(seconds * 1000);
  throw new QxError('usage', 'SOURCE_DATE_EPOCH is not a time', {
    expected: 'seconds since 1970',
    found: epoch,
  });
}

/** QxError `stale` for a document that would be born with less than half of its life left. */
export function refuseHalfSpent(
  issued: string,
  expires: string,
  nowMs: number,
  where: string,
): void {
  const life = Date.parse(expires) - Date.parse(issued);
  if (Date.parse(expires) - nowMs >= life / 2) return;
  throw new QxError('stale', 'born with less than half of its life left', {
    where,
    expected: `issued after ${formatTime(nowMs - life / 2)}`,
    found: `issued ${issued}, expires ${expires}`,
    hint: 'take a later --issued, or leave it out for the clock of this machine',
  });
}
