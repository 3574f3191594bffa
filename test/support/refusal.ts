import type { Test } from 'tap';
import { QxError } from '../../client/format/error.ts';
import type { Refused } from './documents.ts';

/** The QxError that `action` throws; anything else that happens is thrown on. */
export function refusal(action: () => unknown): QxError {
  let value: unknown;
  try {
    value = action();
  } catch (error) {
    if (error instanceof QxError) return error;
    throw error;
  }
  throw new Error(`was not refused: ${JSON.stringify(value)}`);
}

/** Everything that a refusal says, on one line. */
export function said(error: QxError): string {
  return `${error.message}; expected ${error.expected}; found ${error.found}`;
}

/** Each row is refused with its code, says why, and says where the document came from. */
export function refusesAll(
  t: Test,
  parse: (bytes: Uint8Array, where?: string) => unknown,
  rows: readonly Refused[],
): void {
  t.ok(rows.length > 0);
  for (const { reason, bytes, code, says } of rows) {
    const error = refusal(() => parse(bytes, 'some/where'));
    t.equal(error.code, code, reason);
    t.equal(error.where, 'some/where', reason);
    t.ok(said(error).includes(says), `${reason}: ${said(error)}`);
  }
  t.end();
}
