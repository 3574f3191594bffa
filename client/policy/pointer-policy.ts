import { printable, QxError } from '../format/error.ts';
import type { Pointer } from '../format/pointer.ts';

/** Step 7 asks these of a pointer, in this order. They decide; they look at neither clock nor disk. */

/** The publisher has stopped this channel. QxError `deferred` with what the pointer's message says. */
export function checkPaused({ paused, message }: Pointer, where: string): void {
  if (paused !== true) return;
  throw new QxError('deferred', 'paused: the publisher has paused this channel', {
    where,
    found: message === undefined ? 'paused, without a message' : printable(message, 500),
    hint: 'hosts stay where they are and go on by themselves when the publisher resumes',
  });
}

export interface SeenPointer {
  serial: number;
  sha256: string;
}

/** Step 6: a serial never goes down, and one serial has one content. QxError `rollback`. */
export function checkSerial(
  seen: SeenPointer | undefined,
  pointer: Pointer,
  sha256: string,
  where: string,
): void {
  if (seen === undefined || pointer.serial > seen.serial) return;
  if (pointer.serial === seen.serial && sha256 === seen.sha256) return;
  const older = pointer.serial < seen.serial;
  throw new QxError(
    'rollback',
    older
      ? 'an older pointer than this host has seen'
      : 'two different pointers with one serial',
    {
      where,
      expected: older
        ? `serial ${seen.serial} or higher`
        : `serial ${seen.serial} with SHA-256 ${seen.sha256}`,
      found: older ? `serial ${pointer.serial}` : sha256,
      hint: older
        ? 'a mirror or cache serves yesterday; a deliberate step back is published with a higher serial'
        : 'the publisher signs with "qx-repo sign", which raises the serial whenever bytes change',
    },
  );
}
