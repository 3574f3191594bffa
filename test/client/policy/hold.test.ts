import t from 'tap';
import { checkHold } from '../../../client/policy/hold.ts';

const SINCE = '2026-01-01T00:00:00Z';
const UNTIL = '2026-01-02T00:00:00Z';
const at = (time: string): number => Date.parse(time);

t.test('a hold holds until its end, or without one for good', (t) => {
  checkHold(undefined, at(SINCE));
  checkHold({ since: SINCE, until: UNTIL }, at(UNTIL));
  checkHold({ since: SINCE, until: UNTIL }, at('2027-01-01T00:00:00Z'));
  t.throws(() => checkHold({ since: SINCE, until: UNTIL }, at(UNTIL) - 1), {
    code: 'deferred',
    where: `held since ${SINCE}`,
    message: `hold: updates are held on this host until ${UNTIL}`,
  });
  t.throws(() => checkHold({ since: SINCE, reason: 'why' }, at('2099-01-01T00:00:00Z')), {
    code: 'deferred',
    found: 'why',
  });
  t.end();
});
