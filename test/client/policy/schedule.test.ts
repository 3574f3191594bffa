import t from 'tap';
import {
  CALL_MS,
  dueAt,
  offsetOf,
  type Schedule,
} from '../../../client/policy/schedule.ts';
import { placeOf } from '../../../client/policy/rollout.ts';
import { DAYS, type Window } from '../../../client/policy/window.ts';
import { seeded } from '../../support/seeded.ts';

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const MIDNIGHT = Date.parse('2026-06-01T00:00:00Z');
const HOURLY: Schedule = {
  checkIntervalMs: HOUR_MS,
  splayMs: 10 * MINUTE_MS,
  windows: [],
};

function fleet(count: number, seed: number): string[] {
  const chance = seeded(seed);
  return Array.from({ length: count }, () => chance.bytes(16).toString('hex'));
}

/** The moments at which a host asks that is called every `everyMs`, from MIDNIGHT for so long. */
function asks(
  schedule: Schedule,
  offsetMs: number,
  forMs = DAY_MS,
  everyMs = CALL_MS,
): number[] {
  const moments: number[] = [];
  for (let now = MIDNIGHT; now < MIDNIGHT + forMs; now += everyMs) {
    const due = dueAt(schedule, offsetMs, moments.at(-1) ?? MIDNIGHT - 1, now);
    if (due.due) moments.push(now + due.waitMs);
  }
  return moments;
}

t.test('the offset of a host is the same for ever and everywhere', (t) => {
  // printf 'splay %s' HOST | sha256sum, its first 12 digits by 2^48, times 600 s
  t.equal(offsetOf('00'.repeat(16), HOURLY), 505 * SECOND_MS);
  t.end();
});

t.test('ten thousand hosts are spread evenly over the splay', (t) => {
  const seed = 20260601;
  const cells: number[] = Array.from({ length: 60 }, () => 0);
  for (const id of fleet(10_000, seed)) {
    const cell = Math.floor(offsetOf(id, HOURLY) / (10 * SECOND_MS));
    cells[cell] = (cells[cell] ?? 0) + 1;
  }
  t.equal(cells.length, 60, 'none beyond it');
  const expected = 10_000 / 60;
  const chi = cells.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
  // 59 degrees of freedom: 0.01 % of fair fleets are above 109, and as many below 25.
  t.ok(chi > 25 && chi < 109, `chi-squared is ${chi.toFixed(1)} with seed ${seed}`);
  t.end();
});

t.test('who asks early in the hour is not who comes early in a rollout', (t) => {
  const seed = 3;
  const early = fleet(20_000, seed).filter((id) => offsetOf(id, HOURLY) < MINUTE_MS);
  const release = 'ab'.repeat(32);
  const both = early.filter((id) => placeOf(id, release) < 10);
  // A tenth of about 2,000, give or take four times 13.4.
  t.ok(Math.abs(both.length - early.length / 10) < 54, `${both.length}, seed ${seed}`);
  t.end();
});

t.test(
  'a host that cron calls every quarter asks once an interval, at its own minute',
  (t) => {
    for (const [hours, offsetMs, everyMs] of [
      [1, 0, CALL_MS],
      [1, 7 * MINUTE_MS, CALL_MS],
      [1, 31 * MINUTE_MS, CALL_MS],
      [6, 5 * HOUR_MS + 59 * MINUTE_MS, CALL_MS],
      [1, 7 * MINUTE_MS, 5 * MINUTE_MS],
    ] as const) {
      const interval = hours * HOUR_MS;
      const found = asks(
        { ...HOURLY, checkIntervalMs: interval },
        offsetMs,
        DAY_MS,
        everyMs,
      );
      const late = found.map((ms) => ((ms - MIDNIGHT) % interval) - offsetMs);
      t.equal(found.length, 24 / hours, `each ${hours} h, ${offsetMs} ms behind`);
      t.ok(
        late.every((ms) => ms >= 0 && ms < CALL_MS),
        late.join(' '),
      );
      if (everyMs === CALL_MS) t.same([...new Set(late)], [0], 'to the second');
    }
    t.end();
  },
);

t.test('an interval that is shorter than that of cron asks at every call', (t) => {
  t.equal(asks({ ...HOURLY, checkIntervalMs: 5 * MINUTE_MS }, 2 * MINUTE_MS).length, 96);
  t.equal(asks({ ...HOURLY, checkIntervalMs: 0 }, 0).length, 96);
  t.same(dueAt({ ...HOURLY, checkIntervalMs: 0 }, 0, MIDNIGHT, MIDNIGHT), {
    due: true,
    waitMs: 0,
  });
  t.end();
});

t.test('what was missed is made up for at the next call, after the own wait', (t) => {
  const offset = 4 * MINUTE_MS;
  const wait = { due: true, waitMs: offset };
  const now = MIDNIGHT + 15 * MINUTE_MS;
  for (const [
    reason,
    last,
    expected,
  ] of [
    ['never asked', null, wait],
    ['asked an hour ago', MIDNIGHT - HOUR_MS, wait],
    ['asked before the clock was set back', now + DAY_MS, wait],
    ['asked at its moment', MIDNIGHT + offset, { due: false, nextMs: MIDNIGHT + HOUR_MS + offset }],
  ] as const /* prettier-ignore */)
    t.same(dueAt(HOURLY, offset, last, now), expected, reason);
  t.end();
});

t.test('a window that opens is met however rarely a host asks', (t) => {
  const night = (from: string, to: string): Window => ({
    days: DAYS,
    from,
    to,
    zone: 'UTC',
  });
  const daily = { ...HOURLY, checkIntervalMs: DAY_MS, splayMs: DAY_MS };
  const offset = 20 * HOUR_MS + 8 * MINUTE_MS;
  const schedule = { ...daily, windows: [night('02:00', '04:00')] };
  const found = asks(schedule, offset, 2 * DAY_MS).map((ms) => ms - MIDNIGHT);
  const hour = (h: number): number => h * HOUR_MS + 8 * MINUTE_MS;
  t.same(found, [hour(2), hour(20), hour(26), hour(44)]);
  const short = { ...daily, windows: [night('02:00', '02:05')] };
  const early = asks(short, offset).map((ms) => ms - MIDNIGHT);
  t.same(early, [2 * HOUR_MS, hour(20)], 'it does not wait until it is closed again');
  t.end();
});
