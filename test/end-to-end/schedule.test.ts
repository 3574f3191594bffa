import fs from 'node:fs';
import t from 'tap';
import { observe } from '../../client/effects/observe.ts';
import { runAt } from '../support/clocked.ts';
import { hostAtOne, LIFE, type Refused, START } from '../support/host-at-one.ts';
import type { Host } from '../support/sandbox.ts';
import { publishImage, slotHost, systemImage } from '../support/slot-host.ts';

/** When a host asks, and when it changes itself. START is a Saturday in March, midnight in London. */

const NIGHT = { from: '02:00', to: '04:00', zone: 'Europe/London' };
const at = (time: string): string => `2098-03-01T${time}Z`;

t.test(
  'outside of its windows a host fetches ahead, and installs when one opens',
  async (t) => {
    const { host, publish, runs } = await hostAtOne(t, { windows: [NIGHT] });
    publish({});
    const early = await runAt(host, at('01:59:59'), ['run', '--json']);
    t.equal(early.status, 75);
    const { error } = JSON.parse(early.stderr) as Refused;
    t.match(error, { message: /^window: /, expected: `${at('02:00:00')} or later` });
    t.equal(runs(), '1.0.0');
    const check = await runAt(host, at('01:59:59'), ['check', '--json']);
    t.match(JSON.parse(check.stdout), { status: 'available', downloadBytes: 0 });
    t.equal((await runAt(host, at('02:00:00'), ['run'])).status, 0);
    t.equal(runs(), '1.1.0');
  },
);

t.test('a person who says --now does not wait for a window', async (t) => {
  const { host, publish, runs } = await hostAtOne(t, { windows: [NIGHT] });
  publish({});
  t.equal((await runAt(host, at('12:00:00'), ['apply'])).status, 75);
  t.equal((await runAt(host, at('12:00:00'), ['apply', '--now'])).status, 0);
  t.equal(runs(), '1.1.0');
});

t.test('the deadline of the publisher opens a window, and lifts no hold', async (t) => {
  const { host, publish, runs } = await hostAtOne(t, { windows: [NIGHT] });
  publish({ deadline: at('12:00:00') });
  t.equal((await runAt(host, at('12:00:00'), ['hold'])).status, 0);
  const held = await runAt(host, at('12:00:00'), ['run']);
  t.equal(held.status, 75);
  t.match(held.stderr, /error: hold: updates are held/);
  t.equal((await runAt(host, at('11:59:59'), ['unhold'])).status, 0);
  t.match((await runAt(host, at('11:59:59'), ['run'])).stderr, /12:00:00Z or later/);
  t.equal((await runAt(host, at('12:00:00'), ['run'])).status, 0);
  t.equal(runs(), '1.1.0');
});

t.test('a machine is restarted by itself within its windows alone', async (t) => {
  const { forge, host } = slotHost(t.testdir({ tree: {}, host: {} }));
  const keys = { auto_apply: true, windows: [NIGHT] };
  const rebooted = host.path('/rebooted');
  fs.mkdirSync(host.path('/sbin'), { recursive: true });
  const script = `#!/bin/sh\necho begun >>"${rebooted}"\n`;
  fs.writeFileSync(host.path('/sbin/reboot'), script, { mode: 0o755 });
  host.configure(keys);
  publishImage(forge, {
    version: '1.0.0',
    serial: 1,
    image: systemImage('1.0.0'),
    pointer: LIFE,
  });
  const closed = await runAt(host, START, ['run']);
  t.match(closed.stderr, /window: /, 'the other slot is not written either');
  t.equal((await runAt(host, at('03:00:00'), ['run'])).status, 0, 'it is written');
  host.configure({ ...keys, auto_reboot: true });
  const late = await runAt(host, at('04:00:00'), ['run']);
  t.equal(late.status, 75);
  t.match(late.stderr, /window: /);
  t.notOk(fs.existsSync(rebooted));
  t.match((await runAt(host, '2098-03-02T02:00:00Z', ['run'])).stdout, /restarting now/);
  t.ok(fs.existsSync(rebooted));
});

/** `run` as cron calls it, every quarter of an hour for so many hours; when it asked, in seconds after START. */
async function cron(host: Host, hours: number): Promise<number[]> {
  const asked: number[] = [];
  for (let quarter = 0; quarter < hours * 4; quarter += 1) {
    const ms = Date.parse(START) + quarter * 15 * 60_000;
    const { status, stdout, stderr, sleptMs } = await runAt(host, ms, ['run', '--json']);
    if (status !== 0) throw new Error(stderr);
    if ((JSON.parse(stdout) as { status: string }).status === 'not-due') continue;
    asked.push((ms + sleptMs - Date.parse(START)) / 1000);
  }
  return asked;
}

t.test(
  'cron calls four times an hour, and the host asks once, at its own second',
  async (t) => {
    const { host } = await hostAtOne(t, { check_interval: '1h', splay: '10m' });
    fs.rmSync(host.path('/data/updates/last-run.json'));
    const asked = await cron(host, 4);
    const [first = -1] = asked;
    t.ok(first > 0 && first < 600, `${first} s after the hour`);
    t.same(
      asked,
      [0, 1, 2, 3].map((hour) => hour * 3600 + first),
    );
    const soon = at('03:45:00');
    const now = await runAt(host, soon, ['run', '--now', '--json']);
    t.match(JSON.parse(now.stdout), { status: 'up-to-date' });
    t.equal(now.sleptMs, 0);
  },
);

t.test(
  'a host that got no answer asks at the next call, not at the next hour',
  async (t) => {
    const { host, forge } = await hostAtOne(t, { check_interval: '1h', retries: 0 });
    const tree = forge.dir;
    fs.renameSync(tree, `${tree}.away`);
    t.equal((await runAt(host, at('01:00:00'), ['run'])).status, 10);
    fs.renameSync(`${tree}.away`, tree);
    t.match((await runAt(host, at('01:15:00'), ['run', '--json'])).stdout, /up-to-date/);
    t.match((await runAt(host, at('01:30:00'), ['run', '--json'])).stdout, /not-due/);
  },
);

t.test(
  'what a killed run has left is put right by a call that does not ask',
  async (t) => {
    const { host, publish, runs } = await hostAtOne(t, { check_interval: '1d' });
    t.equal((await runAt(host, at('00:15:00'), ['run'])).status, 0);
    publish({});
    let dead = false;
    const cut = await runAt(host, at('00:20:00'), ['apply'], (fx) =>
      observe(fx, ({ name, args }) => {
        if (dead && !name.startsWith('files.lock')) throw new Error('killed');
        dead = name === 'files.rename' && String(args[1]).endsWith('/components/current');
      }),
    );
    t.not(cut.status, 0);
    t.equal(runs(), '1.1.0', 'switched, and not committed');
    t.match((await runAt(host, at('00:30:00'), ['run', '--json'])).stdout, /not-due/);
    t.equal(runs(), '1.0.0', 'as it was');
  },
);

t.test('one reason to wait is told once, and is no error', async (t) => {
  const { host, publish } = await hostAtOne(t, { windows: [NIGHT] });
  publish({});
  for (const time of ['12:00:00', '12:15:00', '12:30:00'])
    t.equal((await runAt(host, at(time), ['run'])).status, 75);
  const history = await runAt(host, at('13:00:00'), ['history', '--json']);
  const { entries } = JSON.parse(history.stdout) as { entries: { message?: string }[] };
  t.equal(entries.filter(({ message }) => message?.startsWith('window')).length, 1);
  const log = fs.readFileSync(host.path('/data/updates/update.log'), 'utf8');
  t.equal(log.split(' not-now ').length - 1, 1);
  const status = await runAt(host, at('13:00:00'), ['status', '--json']);
  t.match(JSON.parse(status.stdout), {
    status: 'available',
    availableVersion: '1.1.0',
    lastCheck: at('12:30:00'),
    lastRefusal: { exitCode: 75, time: at('12:00:00') },
  });
  t.match(
    (await runAt(host, at('13:00:00'), ['status'])).stdout,
    /put off at .*: window/,
  );
  t.equal((await runAt(host, at('13:00:00'), ['hold'])).status, 0);
  t.equal((await runAt(host, at('13:00:00'), ['run'])).status, 75);
  const held = await runAt(host, at('13:00:00'), ['status', '--json']);
  t.match(JSON.parse(held.stdout), { lastRefusal: { message: /updates are held/ } });
});
