import t from 'tap';
import {
  checkWindows,
  DAYS,
  isZone,
  openingOf,
  type Window,
} from '../../../client/policy/window.ts';
import { refusal } from '../../support/refusal.ts';

const STEP_MS = 5 * 60_000;
const DAY_MS = 24 * 3_600_000;

const window = (from: string, to: string, rest: Partial<Window> = {}): Window => ({
  days: DAYS,
  zone: 'UTC',
  from,
  to,
  ...rest,
});

/** "open until 2026-01-01T00:00:00Z", as a row tells it. */
function told(windows: Window[], time: string): string {
  const { open, untilMs } = openingOf(windows, Date.parse(time));
  const until = untilMs === null ? 'ever' : new Date(untilMs).toISOString();
  return `${open ? 'open' : 'closed'} until ${until.replace('.000Z', 'Z')}`;
}

const NIGHT = window('02:00', '04:00');
const LATE = window('22:30', '01:15', { days: ['fri'] });
// 2026-06-05 is a Friday.
const ROWS: [string, Window[], string, string][] = [
  ['no window', [], '2026-06-05T12:00:00Z', 'open until ever'],
  ['before', [NIGHT], '2026-06-05T01:59:59Z', 'closed until 2026-06-05T02:00:00Z'],
  ['its first moment', [NIGHT], '2026-06-05T02:00:00Z', 'open until 2026-06-05T04:00:00Z'],
  ['its last', [NIGHT], '2026-06-05T03:59:59.999Z', 'open until 2026-06-05T04:00:00Z'],
  ['its end', [NIGHT], '2026-06-05T04:00:00Z', 'closed until 2026-06-06T02:00:00Z'],
  ['late', [LATE], '2026-06-05T22:30:00Z', 'open until 2026-06-06T01:15:00Z'],
  ['over midnight', [LATE], '2026-06-06T01:14:59Z', 'open until 2026-06-06T01:15:00Z'],
  ['past it', [LATE], '2026-06-06T01:15:00Z', 'closed until 2026-06-12T22:30:00Z'],
  ['the morning of its day', [LATE], '2026-06-05T01:00:00Z', 'closed until 2026-06-05T22:30:00Z'],
  ['the evening after', [LATE], '2026-06-06T23:00:00Z', 'closed until 2026-06-12T22:30:00Z'],
  ['to the end of the day', [window('20:00', '24:00')], '2026-06-05T23:59:59Z', 'open until 2026-06-06T00:00:00Z'],
  ['all day', [window('00:00', '24:00')], '2026-06-05T12:00:00Z', 'open until ever'],
  ['two that touch', [NIGHT, window('04:00', '05:00')], '2026-06-05T03:00:00Z', 'open until 2026-06-05T05:00:00Z'],
  ['two apart', [NIGHT, window('12:00', '13:00', { zone: 'Asia/Kolkata' })], '2026-06-05T04:00:00Z', 'closed until 2026-06-05T06:30:00Z'],
]; // prettier-ignore

t.test('a window is open by its days and hours', (t) => {
  for (const [reason, windows, time, expected] of ROWS)
    t.equal(told(windows, time), expected, reason);
  t.end();
});

const BERLIN = { zone: 'Europe/Berlin' };
const NEW_YORK = { zone: 'America/New_York' };
/** Half an hour of summer time. */
const LORD_HOWE = { zone: 'Australia/Lord_Howe' };
const CLOCK_ROWS: [string, Window, string, string][] = [
  // On 2026-03-29, 01:00Z, Berlin goes from 02:00 to 03:00; on 2026-10-25, 01:00Z, from 03:00 back to 02:00.
  ['the same hour in winter', window('02:00', '03:00', BERLIN), '2026-03-28T01:00:00Z', 'open until 2026-03-28T02:00:00Z'],
  ['the hour that is skipped', window('02:00', '03:00', BERLIN), '2026-03-28T02:00:00Z', 'closed until 2026-03-30T00:00:00Z'],
  ['a week later on Sundays', window('02:15', '02:45', { ...BERLIN, days: ['sun'] }), '2026-03-22T02:00:00Z', 'closed until 2026-04-05T00:15:00Z'],
  ['cut short by the gap', window('01:00', '02:30', BERLIN), '2026-03-29T00:10:00Z', 'open until 2026-03-29T01:00:00Z'],
  ['begun by the gap', window('02:30', '04:00', BERLIN), '2026-03-29T00:10:00Z', 'closed until 2026-03-29T01:00:00Z'],
  ['over the gap', window('22:00', '06:00', BERLIN), '2026-03-28T21:00:00Z', 'open until 2026-03-29T04:00:00Z'],
  ['the hour that comes twice', window('02:00', '03:00', BERLIN), '2026-10-25T00:00:00Z', 'open until 2026-10-25T02:00:00Z'],
  ['half of it', window('01:00', '02:30', BERLIN), '2026-10-25T00:00:00Z', 'open until 2026-10-25T00:30:00Z'],
  ['and again', window('01:00', '02:30', BERLIN), '2026-10-25T00:30:00Z', 'closed until 2026-10-25T01:00:00Z'],
  ['to its end', window('01:00', '02:30', BERLIN), '2026-10-25T01:00:00Z', 'open until 2026-10-25T01:30:00Z'],
  // On 2026-03-08, 07:00Z, New York goes from 02:00 to 03:00; on 2026-11-01, 06:00Z, from 02:00 back to 01:00.
  ['New York skips', window('02:00', '03:00', NEW_YORK), '2026-03-07T08:00:00Z', 'closed until 2026-03-09T06:00:00Z'],
  ['New York twice', window('01:00', '01:30', NEW_YORK), '2026-11-01T05:30:00Z', 'closed until 2026-11-01T06:00:00Z'],
  ['New York over midnight', window('23:00', '05:00', NEW_YORK), '2026-11-01T03:00:00Z', 'open until 2026-11-01T10:00:00Z'],
  // On 2026-10-03, 15:30Z, Lord Howe goes from 02:00 to 02:30; on 2026-04-04, 15:00Z, from 02:00 back to 01:30.
  ['Lord Howe skips', window('02:00', '02:30', LORD_HOWE), '2026-10-02T16:00:00Z', 'closed until 2026-10-04T15:00:00Z'],
  ['Lord Howe twice', window('01:45', '02:15', LORD_HOWE), '2026-04-04T14:45:00Z', 'open until 2026-04-04T15:00:00Z'],
  ['Lord Howe again', window('01:45', '02:15', LORD_HOWE), '2026-04-04T15:00:00Z', 'closed until 2026-04-04T15:15:00Z'],
]; // prettier-ignore

t.test('where clocks are changed, the clock on the wall decides', (t) => {
  for (const [reason, hours, time, expected] of CLOCK_ROWS)
    t.equal(told([hours], time), expected, reason);
  t.end();
});

/** By another road: what Sweden's way of writing a time shows, as text. */
function swedish(zone: string): (ms: number) => string {
  const format = new Intl.DateTimeFormat('sv-SE', {
    timeZone: zone,
    timeStyle: 'medium',
  });
  return (ms) => format.format(ms);
}

function isOpenByText({ from, to }: Window, time: string): boolean {
  return from < to ? time >= from && time < to : time >= from || time < to;
}

t.test(
  'around each change, five minutes by five, no other moment opens or closes',
  (t) => {
    for (const [hours, change] of [
      [window('01:10', '02:40', BERLIN), '2026-03-29T01:00:00Z'],
      [window('01:10', '02:40', BERLIN), '2026-10-25T01:00:00Z'],
      [window('22:00', '01:20', NEW_YORK), '2026-11-01T06:00:00Z'],
      [window('02:20', '01:50', NEW_YORK), '2026-03-08T07:00:00Z'],
      [window('01:40', '02:10', LORD_HOWE), '2026-04-04T15:00:00Z'],
      [window('02:10', '02:50', LORD_HOWE), '2026-10-03T15:30:00Z'],
    ] as const) {
      const middle = Date.parse(change);
      const ends: number[] = [];
      const shown = swedish(hours.zone);
      const opens = (ms: number): boolean => isOpenByText(hours, shown(ms));
      for (let ms = middle - DAY_MS; ms < middle + DAY_MS; ms += STEP_MS) {
        const { open, untilMs } = openingOf([hours], ms);
        if (open !== opens(ms)) t.fail(`${hours.zone} at ${new Date(ms).toISOString()}`);
        if (opens(ms) !== opens(ms - STEP_MS)) ends.push(ms);
        if (untilMs !== null && untilMs <= ms) t.fail('a change that is over');
      }
      // What was promised at the start is what comes, one after the other.
      let ms = middle - DAY_MS;
      const promised: number[] = [];
      for (;;) {
        ms = openingOf([hours], ms).untilMs ?? Infinity;
        if (ms >= middle + DAY_MS) break;
        promised.push(ms);
      }
      t.same(
        promised,
        ends.filter((end) => end > middle - DAY_MS),
        `${hours.zone} ${change}`,
      );
      t.ok(ends.length >= 4, `${ends.length} changes`);
    }
    t.end();
  },
);

t.test('a closed window says when it opens; a deadline that has passed opens it', (t) => {
  const noon = Date.parse('2026-06-05T12:00:00Z');
  const error = refusal(() => checkWindows([NIGHT], undefined, noon));
  t.match(error, { code: 'deferred', exitCode: 75, message: /^window: / });
  t.match(error, {
    expected: '2026-06-06T02:00:00Z or later',
    found: '2026-06-05T12:00:00Z',
  });
  const sooner = refusal(() => checkWindows([NIGHT], '2026-06-05T18:00:00Z', noon));
  t.equal(sooner.expected, '2026-06-05T18:00:00Z or later', 'the deadline comes first');
  const later = refusal(() => checkWindows([NIGHT], '2026-06-09T18:00:00Z', noon));
  t.equal(later.expected, '2026-06-06T02:00:00Z or later');
  t.doesNotThrow(() => checkWindows([NIGHT], '2026-06-05T12:00:00Z', noon));
  t.doesNotThrow(() => checkWindows([], undefined, noon));
  t.doesNotThrow(() => checkWindows([window('11:00', '13:00')], undefined, noon));
  t.end();
});

t.test('zones are those that the IANA names', (t) => {
  for (const name of ['Europe/Berlin', 'America/New_York', 'UTC'])
    t.ok(isZone(name), name);
  for (const name of ['Europe/Berlyn', 'Mars/Olympus', '', 'MEZ'])
    t.notOk(isZone(name), name);
  t.end();
});
