import { QxError } from '../../client/format/error.ts';
import { setExpiry } from '../root/change.ts';
import { addDays, isTime, issuedTime } from '../release/times.ts';
import { type Command, wholeArgument } from './command.ts';
import { CHANGE_OPTIONS, changeRoot } from './root-change.ts';

/** A century: more is a slip. */
const DAYS_MAX = 36_500;

export const rootSetExpiry: Command = {
  name: 'root set-expiry',
  args: '<days|date>',
  describe:
    'Until when hosts trust the next root: days from now, 2029-01-31, or 2029-01-31T12:00:00Z',
  options: CHANGE_OPTIONS,
  examples: ['root set-expiry 1095', 'root set-expiry 2029-01-31'],
  next: ['root show', 'root cosign', 'sign'],
  run: (context, [text = ''], flags) =>
    changeRoot(context, flags, 'root set-expiry', (next, { nowMs }) => {
      const issued = issuedTime(flags.text('issued'), nowMs);
      return setExpiry(next, expiryOf(text, issued), nowMs);
    }),
};

function expiryOf(text: string, issued: string): string {
  const days = text.includes('-') ? 0 : wholeArgument('days', text);
  if (days > 0 && days <= DAYS_MAX) return addDays(issued, days);
  const time = text.includes('T') ? text : `${text}T00:00:00Z`;
  if (isTime(time)) return time;
  throw new QxError('usage', 'not an expiry', {
    expected: `1 to ${DAYS_MAX} days, "2029-01-31" or "2029-01-31T12:00:00Z"`,
    found: text,
  });
}
