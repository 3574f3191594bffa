import t from 'tap';
import { newRepositoryMemory } from '../../../client/format/client-state.ts';
import { formatTime } from '../../../client/format/time.ts';
import {
  expiryWarnings,
  type Life,
  pointerLife,
  rootLife,
} from '../../../client/policy/expiry.ts';
import { makeForge } from '../../support/forge.ts';

const DAY = 86_400_000;
const day = (number: number): number => Date.UTC(2026, 0, 1) + number * DAY;
const forge = makeForge(t.testdir());

const life = (days: number): Life => ({
  what: 'pointer',
  name: 'the pointer of quantix-os/stable',
  bornMs: day(0),
  expires: formatTime(day(days)),
});

t.test('a warning begins when less than a third of a life is left', (t) => {
  const rows = [
    { why: 'just born', days: 90, now: day(0), warned: false },
    {
      why: 'signed anew after 30 days, as CI does',
      days: 90,
      now: day(30),
      warned: false,
    },
    { why: 'a third is left', days: 90, now: day(60), warned: false },
    { why: 'a moment less than a third', days: 90, now: day(60) + 1, warned: true },
    { why: 'the last moment', days: 90, now: day(90) - 1, warned: true },
    { why: 'it has expired', days: 90, now: day(90), warned: true },
    { why: 'a short life: 20 hours of 30', days: 1.25, now: day(10 / 12), warned: false },
    { why: 'a short life: the 21st hour', days: 1.25, now: day(21 / 24), warned: true },
    { why: 'the longest of pointers', days: 400, now: day(266), warned: false },
    { why: 'a clock before its birth', days: 90, now: day(-5), warned: false },
  ];
  for (const { why, days, now, warned } of rows)
    t.equal(expiryWarnings([life(days)], now).length, warned ? 1 : 0, why);
  t.end();
});

t.test('a warning says what expires, when, and who does what', (t) => {
  const root: Life = { ...life(90), what: 'root', name: 'the trust root 3' };
  t.strictSame(expiryWarnings([life(90), root, life(400)], day(70)), [
    {
      what: 'pointer',
      expires: '2026-04-01T00:00:00Z',
      message:
        'the pointer of quantix-os/stable expires at 2026-04-01T00:00:00Z, less than a third of its life is left: its publisher signs it anew with "qx-repo sign"',
    },
    {
      what: 'root',
      expires: '2026-04-01T00:00:00Z',
      message:
        'the trust root 3 expires at 2026-04-01T00:00:00Z, less than a third of its life is left: its publisher makes the next with "qx-repo root set-expiry"',
    },
  ]);
  const [over] = expiryWarnings([life(90)], day(90));
  t.match(over?.message, /stable has expired at 2026-04-01T00:00:00Z: its publisher/);
  t.end();
});

t.test('a pointer lives from its issue on', (t) => {
  const issued = formatTime(day(0));
  const { pointer } = forge.release({
    pointer: { issued, expires: formatTime(day(90)) },
  });
  t.strictSame(pointerLife(pointer), life(90));
  t.end();
});

t.test('a root lives from the day on which the host accepted it', (t) => {
  const years = 3 * 365;
  const root = { ...forge.root, version: 2, expires: formatTime(day(2 * years)) };
  const rows = [
    { why: 'not known: three years at the most', since: undefined, born: day(years) },
    {
      why: 'accepted in the second year',
      since: day(years + 400),
      born: day(years + 400),
    },
    { why: 'accepted long before that', since: day(0), born: day(years) },
    { why: 'accepted by a clock that ran ahead', since: day(5000), born: day(years) },
    { why: 'accepted by a clock of 1970', since: 0, born: day(years) },
  ];
  for (const { why, since, born } of rows) {
    const root_since = since === undefined ? {} : { root_since: formatTime(since) };
    const memory = { ...newRepositoryMemory(2), ...root_since };
    t.equal(rootLife(root, memory, day(years + 500)).bornMs, born, why);
  }
  const other = { ...newRepositoryMemory(1), root_since: formatTime(day(years + 400)) };
  t.equal(rootLife(root, other, day(years + 500)).bornMs, day(years), 'of another root');
  t.end();
});
