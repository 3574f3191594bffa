import { QxError } from '../format/error.ts';
import { LIMITS } from '../format/limits.ts';
import type { Pointer } from '../format/pointer.ts';
import { formatTime } from '../format/time.ts';

/** Step 5 for a medium that a person brought to a host without a network: old news are better than none. */

const DAY_MS = 86_400_000;

/**
 * Whether the pointer is past its expiry and counts all the same. The longest life that any pointer may have,
 * counted from `issued`, is the end of it; and what is old never takes a host back.
 *
 * QxError `stale`.
 */
export function isOldButCounts(pointer: Pointer, nowMs: number, where: string): boolean {
  const { issued, expires, rollback } = pointer;
  if (Date.parse(expires) > nowMs) return false;
  const endMs = Date.parse(issued) + LIMITS.pointerLifeDays * DAY_MS;
  if (nowMs >= endMs) {
    throw new QxError('stale', 'the pointer on this medium is too old', {
      where,
      expected: `issued after ${formatTime(nowMs - LIMITS.pointerLifeDays * DAY_MS)}`,
      found: `issued ${issued}, expired ${expires}`,
      hint: 'make the medium anew with "qx-repo bundle"; is the clock of this host right',
    });
  }
  if (rollback !== true) return true;
  throw new QxError('stale', 'a step back counts only until its pointer expires', {
    where,
    expected: `expires after ${formatTime(nowMs)}`,
    found: expires,
    hint: 'make the medium anew with "qx-repo bundle"',
  });
}
