import { type ErrorDetails, QxError } from '../../client/format/error.ts';

const HINT =
  'nothing was overwritten; take over what is served with "qx-repo pull URL --theirs" and generate or point again';

/** What the second of two publishers is told. */
export function raced(message: string, details: ErrorDetails): QxError {
  return new QxError('raced', message, { hint: HINT, ...details });
}
