import t from 'tap';
import { rateLimit } from '../../../client/serve/rate.ts';

t.test('so many at once, then so many a second, each caller by itself', (t) => {
  const passes = rateLimit({ burst: 3, perSecond: 2 });
  const ask = (who: string, now: number, times: number): number =>
    Array.from({ length: times }, () => passes(who, now)).filter(Boolean).length;
  t.equal(ask('a', 0, 10), 3);
  t.equal(ask('b', 0, 10), 3, 'who is loud shuts out only himself');
  t.equal(ask('a', 1000, 10), 2);
  t.equal(ask('a', 1400, 10), 0);
  t.equal(ask('a', 60_000, 10), 3, 'what was not used does not grow without end');
  t.equal(ask('a', 0, 10), 0, 'a clock that is set back gives nothing away');
  t.end();
});

t.test('what is remembered of callers has a bound', (t) => {
  const passes = rateLimit({ burst: 1, perSecond: 0.001 });
  t.equal(passes('first', 0), true);
  t.equal(passes('first', 1), false);
  for (let n = 0; n < 2000; n += 1) passes(`10.0.${n >> 8}.${n & 255}`, 2);
  t.equal(passes('first', 3), true, 'the oldest is forgotten');
  t.end();
});
