import { formatTime } from '../../client/format/time.ts';
import { QxError } from '../../client/format/error.ts';
import type { Pointer } from '../../client/format/pointer.ts';
import type { Root } from '../../client/format/root.ts';
import { checkPointerExpiry } from '../../client/reader/pointer.ts';
import { checkRootExpiry } from '../../client/reader/roots.ts';

const UNITS_MS: Record<string, number> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** `30d`, `12h`, `45m`, `90s` in milliseconds. QxError `usage` for anything else. */
export function parseDuration(text: string, flag: string): number {
  const [, count = '', unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const ms = Number(count) * (UNITS_MS[unit] ?? NaN);
  if (count !== '' && Number.isFinite(ms)) return ms;
  throw new QxError('usage', `--${flag} is not a duration`, {
    expected: 'for instance 30d, 12h, 45m or 90s',
    found: text,
  });
}

/** What counts as old. Milliseconds. */
export interface LifeLimits {
  nowMs: number;
  /** What lives less than this is stale as well. */
  minLifeMs: number;
}

/** QxError `stale` for a root that has expired, or that lives less than was asked for. */
export function checkRootLife(root: Root, limits: LifeLimits, where: string): void {
  checkRootExpiry(root, limits.nowMs);
  checkLife('the trust root', root.expires, limits, where);
}

/** The same of a pointer. */
export function checkPointerLife(
  pointer: Pointer,
  limits: LifeLimits,
  where: string,
): void {
  checkPointerExpiry(pointer, limits.nowMs, where);
  checkLife('the pointer', pointer.expires, limits, where);
}

/** True in the last third of a life, when somebody should renew it. */
export function isInLastThird(fromMs: number, expires: string, nowMs: number): boolean {
  const end = Date.parse(expires);
  return end > nowMs && end - nowMs < (end - fromMs) / 3;
}

function checkLife(
  what: string,
  expires: string,
  limits: LifeLimits,
  where: string,
): void {
  const { nowMs, minLifeMs } = limits;
  if (Date.parse(expires) >= nowMs + minLifeMs) return;
  throw new QxError('stale', `${what} lives less than was asked for`, {
    where,
    expected: `expires after ${formatTime(nowMs + minLifeMs)}`,
    found: expires,
    hint: 'sign it anew before hosts refuse it',
  });
}
