import path from 'node:path';
import t from 'tap';
import { type Rollout, turnOf } from '../../client/policy/rollout.ts';
import { CALL_MS, dueAt, offsetOf } from '../../client/policy/schedule.ts';
import { openingOf } from '../../client/policy/window.ts';
import { type Fleet, hostIdOf, simulate } from '../../generator/rollout/simulate.ts';
import { parseWindow } from '../../generator/rollout/windows.ts';
import { NOW, newWorkspace, ok, qxRepo, smallRelease } from './support.ts';

/** The picture has to be that of a real fleet: the same function decides, and the shares fit. */

const RELEASE = 'ab'.repeat(32);
const ROLLOUT: Rollout = { start: NOW, hours: 20, from: 5, to: 85 };
const FLEET: Fleet = {
  windows: [],
  hosts: 4000,
  seed: '1',
  intervalMs: 3_600_000,
  offlinePercent: 0,
};

/** Five times the deviation of a binomial share: one run in a million is further off. */
function isNear(installed: number, share: number, hosts: number): boolean {
  const error = Math.sqrt((share * (1 - share)) / hosts);
  return Math.abs(installed / hosts - share) <= 5 * error + 1e-9;
}

t.test('hosts have the release as the share says, about one look later', (t) => {
  const { hours, pausedAfterHours } = simulate(ROLLOUT, RELEASE, FLEET, null);
  t.equal(pausedAfterHours, null);
  t.equal(hours[0]?.installed, 0);
  for (const { hour, installed, sharePercent } of hours.slice(1)) {
    // A host looks at a moment of its own in each hour: the mean of the shares within the last one.
    const [lower, upper] = [hour - 1, hour].map((each) => 5 + 4 * Math.min(each, 20));
    const mean = ((lower ?? 0) + (upper ?? 0)) / 200;
    t.ok(isNear(installed, mean, FLEET.hosts), `${hour} h: ${installed}, about ${mean}`);
    t.equal(Math.round(sharePercent), upper);
  }
  t.equal(
    hours.at(-1)?.hour,
    21,
    'the last look of a host that was let through at the end',
  );
  t.end();
});

t.test('in the end it is those, and only those, whom the policy lets through', (t) => {
  const endMs = Date.parse(NOW) + 1000 * 3_600_000;
  const isLet = (host: number): boolean => {
    const who = { id: hostIdOf('1', host), groups: [] };
    return turnOf(ROLLOUT, RELEASE, who, endMs).turn === 'now';
  };
  let expected = 0;
  for (let hosts = 1; hosts <= 100; hosts += 1) {
    if (isLet(hosts - 1)) expected += 1;
    const { installed } = simulate(ROLLOUT, RELEASE, { ...FLEET, hosts }, null);
    if (installed !== expected) t.fail(`${hosts} hosts: ${installed}, not ${expected}`);
  }
  t.ok(expected > 50 && expected < 100);
  const nobody = { ...ROLLOUT, from: 0, to: 0 };
  const everybody = { ...ROLLOUT, from: 100, to: 100 };
  t.equal(simulate(nobody, RELEASE, FLEET, null).installed, 0);
  t.equal(simulate(everybody, RELEASE, FLEET, null).hours[1]?.installed, FLEET.hosts);
  t.end();
});

t.test('a seed is a fleet, and another release shuffles it anew', (t) => {
  const run = (fleet: Fleet, release = RELEASE): string =>
    JSON.stringify(simulate(ROLLOUT, release, fleet, null));
  t.equal(run(FLEET), run(FLEET));
  t.not(run(FLEET), run({ ...FLEET, seed: '2' }));
  t.not(run(FLEET), run(FLEET, 'cd'.repeat(32)));
  t.end();
});

t.test('hosts that are off come late, and none twice or never', (t) => {
  const off = simulate(ROLLOUT, RELEASE, { ...FLEET, offlinePercent: 50 }, null);
  const on = simulate(ROLLOUT, RELEASE, FLEET, null);
  t.equal(off.installed, on.installed, 'the same hosts in the end');
  const at = (hour: number): number => off.hours[hour]?.installed ?? 0;
  // Half of the looks fail: on the average a host has it one look later.
  for (const hour of [5, 10, 15])
    t.ok(isNear(at(hour), (5 + 4 * (hour - 1.5)) / 100, FLEET.hosts), `${hour} h`);
  const gone = simulate(ROLLOUT, RELEASE, { ...FLEET, offlinePercent: 100 }, null);
  t.equal(gone.installed, 0);
  t.end();
});

t.test('with windows hosts wait for them, and for the deadline at the longest', (t) => {
  const windows = [parseWindow('22:00-04:00 Europe/Berlin')];
  const { hours } = simulate(ROLLOUT, RELEASE, { ...FLEET, windows }, null);
  const at = (hour: number): number => hours[hour]?.installed ?? NaN;
  // Noon in Greenwich is one o'clock in Berlin: open from 9 to 15 hours later, and a day after that.
  t.equal(at(9), 0);
  t.ok(isNear(at(10), (5 + 4 * 9.5) / 100, FLEET.hosts), `${at(10)} at once`);
  t.ok(isNear(at(15), (5 + 4 * 14.5) / 100, FLEET.hosts), `${at(15)}`);
  t.equal(at(33), at(15), 'nobody in between');
  const all = simulate(ROLLOUT, RELEASE, FLEET, null);
  t.equal(at(34), all.installed, 'and then everybody who was let through');
  const deadline = new Date(Date.parse(NOW) + 20 * 3_600_000).toISOString();
  const urgent = simulate(ROLLOUT, RELEASE, { ...FLEET, windows, deadline }, null);
  t.equal(urgent.hours.at(-1)?.hour, 21);
  t.equal(urgent.installed, all.installed);
  const weekly = [parseWindow('sat 22:00-24:00 UTC')];
  const late = simulate(ROLLOUT, RELEASE, { ...FLEET, windows: weekly }, null);
  t.equal(late.installed, all.installed, 'NOW is a Sunday');
  for (const text of ['', 'always', '22:00-04:00', '22:00-22:00 UTC', '25:00-26:00 UTC', 'someday 22:00-04:00 UTC', '22:00-04:00 Moon/Sea'])
    t.throws(() => parseWindow(text), { code: 'usage' }, text);
  t.end();
}); // prettier-ignore

t.test(
  'hosts that ask seldom are met by a window all the same, as by their own schedule',
  (t) => {
    const [intervalMs, hosts] = [24 * 3_600_000, 150];
    const windows = [parseWindow('20:00-22:00 UTC'), parseWindow('02:00-02:05 UTC')];
    const rollout: Rollout = { start: NOW, hours: 12, from: 10, to: 100 };
    const startMs = Date.parse(NOW);
    const schedule = { checkIntervalMs: intervalMs, splayMs: intervalMs, windows };
    const lasts = 26;
    /** What cron's calls make of a host, one after the other. */
    const hourOf = (host: number): number => {
      const who = { id: hostIdOf('1', host), groups: [] };
      const offset = offsetOf(who.id, schedule);
      let last = startMs - 1;
      for (let now = startMs; now < startMs + lasts * 3_600_000; now += CALL_MS) {
        const due = dueAt(schedule, offset, last, now);
        if (!due.due) continue;
        last = now + due.waitMs;
        const isTurn = turnOf(rollout, RELEASE, who, last).turn === 'now';
        if (isTurn && openingOf(windows, last).open)
          return Math.ceil((last - startMs) / 3_600_000);
      }
      return Infinity;
    };
    const real = Array.from({ length: hosts }, (_, host) => hourOf(host));
    const { hours, installed } = simulate(
      rollout,
      RELEASE,
      { ...FLEET, hosts, intervalMs, windows },
      null,
    );
    t.equal(installed, hosts, 'nobody is left behind');
    for (const hour of [8, 9, 10, 14, 15]) {
      const had = real.filter((each) => each <= hour).length;
      t.ok(
        isNear(hours[hour]?.installed ?? NaN, had / hosts, hosts),
        `${hour} h: ${hours[hour]?.installed}, by the schedule ${had}`,
      );
    }
    t.end();
  },
);

t.test('a bad release that is paused stays on the hosts that had it', (t) => {
  const all = simulate(ROLLOUT, RELEASE, FLEET, null);
  const stopped = simulate(ROLLOUT, RELEASE, FLEET, 10);
  const { hours, installed, pausedAfterHours } = stopped;
  t.same(hours, all.hours.slice(0, hours.length), 'until then nothing differs');
  t.equal(hours.at(-1)?.hour, pausedAfterHours);
  t.ok(installed >= 400 && (hours.at(-2)?.installed ?? 0) < 400);
  t.equal(simulate(ROLLOUT, RELEASE, FLEET, 90).pausedAfterHours, null, 'never so many');
  t.end();
});

t.test('the command draws the channel, or what is asked for, and writes nothing', async (t) => {
  const dir = t.testdir();
  const workspace = await newWorkspace(path.join(dir, 'w'));
  const release = smallRelease(dir, '1.0.0');
  await ok(workspace, ['generate', '--version', '1.0.0', '--channel', 'stable', ...release]);
  const draw = ['rollout', 'quantix-os', 'stable', 'simulate'];
  const json = await ok(workspace, [...draw, '--hours', '6', '--hosts', '500', '--seed', 'x']);
  t.match(json, { version: '1.0.0', rollout: { hours: 6 }, fleet: { hosts: 500, seed: 'x' } });
  t.equal(json.installed, 500);
  const again = await ok(workspace, [...draw, '--hours', '6', '--hosts', '500', '--seed', 'x']);
  t.same(again, json);
  await ok(workspace, ['rollout', 'quantix-os', 'stable', 'start', '--hours', '200']);
  const { stdout } = await qxRepo(workspace, [...draw, '--stop-after', '50']);
  const lines = stdout.trimEnd().split('\n');
  t.match(lines[0], /^quantix-os\/stable 1\.0\.0, from 0 % to 100 % in 200 h from 2026/);
  t.ok(lines.length < 56, 'it fits on a screen');
  t.match(stdout, /\n +5\d +2\d\.\d % +2\d\d\d +2\d\.\d % {2}==========/);
  t.match(lines.at(-1), /^paused after 10[01] h: 50\d\d of 10000 hosts have it/);
  for (const flags of [['--hosts', '0'], ['--hosts', '1000001'], ['--interval', '1s'], ['--offline', '101']]) {
    const called = await qxRepo(workspace, [...draw, ...flags]);
    t.equal(called.status, 2, flags.join(' '));
  }
}); // prettier-ignore
