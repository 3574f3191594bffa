import type { Hold } from '../format/client-state.ts';
import { QxError } from '../format/error.ts';

/** Step 7: somebody on this host said "not now". QxError `deferred`; a hold whose time is over holds nothing. */
export function checkHold(hold: Hold | undefined, nowMs: number): void {
  if (hold === undefined) return;
  if (hold.until !== undefined && Date.parse(hold.until) <= nowMs) return;
  const until =
    hold.until === undefined ? 'until "qx-update unhold"' : `until ${hold.until}`;
  throw new QxError('deferred', `hold: updates are held on this host ${until}`, {
    where: `held since ${hold.since}`,
    found: hold.reason ?? 'hold, without a reason given',
    hint: '"qx-update unhold" lets updates through again',
  });
}
