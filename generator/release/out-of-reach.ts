import { QxError } from '../../client/format/error.ts';
import type { Pointer } from '../../client/format/pointer.ts';
import { pointerPath } from '../../client/format/tree.ts';
import { LAST_SERIAL, type SerialEntry } from '../workspace/serials.ts';

/** What a thief of a channel key leaves behind, so that nothing honest comes after it. */

const DAY_MS = 86_400_000;

/** True for a date that no clock shows yet; a day is left to clocks that are wrong. */
export function isOfTheFuture({ issued }: Pick<Pointer, 'issued'>, nowMs: number) {
  return Date.parse(issued) > nowMs + DAY_MS;
}

/**
 * True for a pointer after which no honest one counts. As long as its key counts it is an ordinary one; a key that
 * takes the place of the old one must not vouch for it.
 */
export function isOutOfReach(pointer: Pointer, nowMs: number): boolean {
  return pointer.serial > LAST_SERIAL || isOfTheFuture(pointer, nowMs);
}

/** QxError `rollback` where the channel has no number left to give. */
export function refuseSpent(
  product: string,
  channel: string,
  known: SerialEntry | undefined,
): void {
  if (known === undefined || known.serial < LAST_SERIAL) return;
  throw new QxError('rollback', 'no serial is left for this channel', {
    where: pointerPath(product, channel),
    expected: `a pointer with a serial below ${LAST_SERIAL}`,
    found: `serial ${known.serial}`,
    hint: 'a stolen key raised it: "qx-repo root rotate channel OLD NEW --now" takes the key out, and "qx-repo sign" numbers anew',
  });
}
