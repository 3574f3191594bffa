import t, { type Test } from 'tap';
import { type Appliance, makeAppliance } from '../support/appliance.ts';
import { needs } from '../support/needs.ts';

const SCRIPT = '/usr/lib/quantix-update/update-verify';
const CLIENT = '/usr/lib/quantix-update/qx-update.cjs';
const GOOD = 'echo slot B is good';
const SETTINGS = 'services="quantix-node sshd"\ndeadline=20\n';

/** A host that booted B on trial, where everything is well; its clock is moved by sleep alone. */
function makeHost(t: Test, reason = ' quantix.reason=trial'): Appliance {
  const host = makeAppliance(t.testdir());
  host.install();
  host.put('/etc/conf.d/quantix-update-verify', SETTINGS);
  host.put('/proc/cmdline', `root=PARTLABEL=QUANTIX-B quantix.slot=B${reason} ro\n`);
  host.put('/proc/mounts', `/dev/vda6 ${host.dir}/data xfs rw 0 0\n`);
  host.put('/proc/uptime', '40.33 70.00\n');
  host.stub(
    'sleep',
    `read -r now rest < ${host.path('/proc/uptime')}; echo "$((\${now%.*} + $1)).00 0" > ${host.path('/proc/uptime')}`,
  );
  host.stub('rc-service');
  host.stub('reboot');
  host.stub('logger');
  host.stub('client', GOOD, CLIENT);
  return host;
}

/** The calls that count: without the options of a sandbox, the log and the pauses. */
function calls(host: Appliance): string[] {
  return host
    .called()
    .map((call) => call.replace(/^client --root +/, 'qx-update '))
    .filter((call) => !/^(logger|sleep|rc-service)/.test(call));
}

t.test('a system that is well is marked good at once', needs('busybox'), async (t) => {
  for (const reason of ['trial', 'proven', 'fallback', 'by-hand', 'a-new-one']) {
    const host = makeHost(t, ` quantix.reason=${reason}`);
    const { status, stdout, stderr } = await host.run(SCRIPT);
    t.same([status, stdout, stderr], [0, 'update-verify: slot B is good\n', ''], reason);
    t.same(calls(host), ['qx-update mark-good --if-healthy']);
    t.same(host.called().slice(0, 2), [
      'rc-service --quiet quantix-node status',
      'rc-service --quiet sshd status',
    ]);
  }
});

t.test('it looks again until the system is well', needs('busybox'), async (t) => {
  const host = makeHost(t);
  const once = `[ -e ${host.path('/once')} ] || { : > ${host.path('/once')}; exit 3; }`;
  host.stub('rc-service', once);
  t.match(await host.run(SCRIPT), { status: 0, stdout: /slot B is good/ });
  t.equal(host.called().filter((call) => call === 'sleep 5').length, 1);
  t.same(calls(host), ['qx-update mark-good --if-healthy'], 'and asks only then');
});

/** What is not well, how it is brought about, what is said, and whether the client was asked. */
const UNWELL: [string, (host: Appliance) => void, RegExp, boolean][] = [
  [
    'a service that does not start',
    (host) => host.stub('rc-service', '[ "$2" != sshd ]'),
    /service sshd is not started/,
    false,
  ],
  [
    'the health command',
    (host) => {
      host.put(
        '/etc/conf.d/quantix-update-verify',
        `${SETTINGS}health_command="ask me"\n`,
      );
      host.stub('ask', 'exit 9');
    },
    /ask me ended with status 9/,
    false,
  ],
  [
    'a declared check',
    (host) =>
      host.stub(
        'client',
        'echo "qx-update: error: port 80 is closed" >&2; exit 75',
        CLIENT,
      ),
    /port 80 is closed/,
    true,
  ],
];

for (const [what, bringAbout, said, asked] of UNWELL) {
  for (const reason of ['trial', 'proven']) {
    t.test(
      `${what}: a ${reason} slot is restarted at the deadline`,
      needs('busybox'),
      async (t) => {
        const host = makeHost(t, ` quantix.reason=${reason}`);
        bringAbout(host);
        const { status, stderr } = await host.run(SCRIPT);
        t.equal(status, 1);
        t.match(stderr, said);
        t.match(stderr, 'not well within 20 seconds: ');
        t.same(
          calls(host).filter((call) => call.startsWith('reboot')),
          ['reboot', 'reboot -f'],
        );
        t.equal(
          calls(host).some((call) => call.startsWith('qx-update')),
          asked,
        );
        t.equal(
          host.called().filter((call) => call === 'sleep 5').length,
          4,
          '20 seconds',
        );
      },
    );
  }
}

t.test(
  'a person who chose the slot by hand is not thrown out',
  needs('busybox'),
  async (t) => {
    for (const reason of [' quantix.reason=by-hand', '']) {
      const host = makeHost(t, reason);
      host.stub('rc-service', 'exit 3');
      const { status, stderr } = await host.run(SCRIPT);
      t.equal(status, 1);
      t.match(stderr, /chosen by hand: service quantix-node is not started/);
      t.same(calls(host), []);
    }
  },
);

t.test('well, but it cannot be marked', needs('busybox'), async (t) => {
  const unwritable = 'echo "qx-update: error: /boot is read-only" >&2; exit 31';
  await t.test('stays where the slot was good before', async (t) => {
    const host = makeHost(t, ' quantix.reason=proven');
    host.stub('client', unwritable, CLIENT);
    const { status, stderr } = await host.run(SCRIPT);
    t.equal(status, 1);
    t.match(stderr, /slot B cannot be marked good: .*\/boot is read-only/);
    t.notOk(calls(host).some((call) => call.startsWith('reboot')));
    t.ok(calls(host).length > 3, 'after it was tried again and again');
  });
  await t.test(
    'is restarted on trial: what cannot be updated replaces nothing',
    async (t) => {
      const host = makeHost(t);
      host.stub('client', 'exit 127', CLIENT);
      t.equal((await host.run(SCRIPT)).status, 1);
      t.same(calls(host).slice(-2), ['reboot', 'reboot -f']);
    },
  );
});

t.test(
  'a client that hangs does not outlast the deadline',
  needs('busybox'),
  async (t) => {
    const host = makeHost(t);
    host.put('/etc/conf.d/quantix-update-verify', 'deadline=1\nservices=\n');
    host.stub('client', 'exec busybox sleep 20', CLIENT);
    t.equal((await host.run(SCRIPT)).status, 1);
    t.same(calls(host).slice(-2), ['reboot', 'reboot -f']);
  },
);

t.test(
  'without /data the slot is marked all the same, and it is said',
  needs('busybox'),
  async (t) => {
    const host = makeHost(t);
    host.put('/proc/mounts', 'overlay / overlay rw 0 0\n');
    const { status, stdout, stderr } = await host.run(SCRIPT);
    t.same([status, stdout], [0, 'update-verify: slot B is good\n']);
    t.match(stderr, '/data is not there: ');
    t.same(calls(host), ['qx-update mark-good']);
  },
);

t.test('a host without slots is left alone', needs('busybox'), async (t) => {
  const host = makeHost(t);
  host.put('/proc/cmdline', 'root=/dev/sda1 ro\n');
  host.stub('rc-service', 'exit 3');
  t.match(await host.run(SCRIPT), { status: 0, stdout: /not booted from a slot/ });
  t.same(calls(host), []);
});
