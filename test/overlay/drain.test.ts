import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { type Appliance, makeAppliance } from '../support/appliance.ts';
import { needs } from '../support/needs.ts';
import type { Finished } from '../support/process.ts';
import { ROOT } from '../support/setup.mjs';

const SCRIPT = '/usr/lib/quantix-update/drain';

const VIRSH = fs.readFileSync(path.join(ROOT, 'test/support/virsh.sh'), 'utf8');

interface Host extends Appliance {
  hook: (phase: string, more?: Record<string, string>) => Promise<Finished>;
  guests: () => Record<'here' | 'there' | 'off', string[]>;
  told: () => { state: string; message: string; version: string };
}

function makeHost(t: Test, settings = ''): Host {
  const host = makeAppliance(t.testdir());
  host.install();
  host.put('/etc/conf.d/quantix-drain', `timeout=60\n${settings}`);
  host.put('/proc/uptime', '40.33 70.00\n');
  host.stub(
    'sleep',
    `read -r now rest < ${host.path('/proc/uptime')}; echo "$((\${now%.*} + $1)).00 0" > ${host.path('/proc/uptime')}`,
  );
  for (const folder of ['here', 'there', 'off', 'leaving', 'stubborn'])
    fs.mkdirSync(host.path(`/vm/${folder}`), { recursive: true });
  for (const guest of ['mail', 'web server']) host.put(`/vm/here/${guest}`, '');
  host.put('/bin/virsh', VIRSH, 0o755);
  const env = (phase: string): Record<string, string> => ({
    QX_PHASE: phase,
    QX_KIND: 'system',
    QX_RUN: '0123456789abcdef',
    QX_TO: '2.0.0',
    QX_STATE_DIR: host.path('/data/updates'),
  });
  const list = (folder: string): string[] => fs.readdirSync(host.path(`/vm/${folder}`));
  return {
    ...host,
    hook: (phase, more = {}) => host.run(SCRIPT, [], { env: { ...env(phase), ...more } }),
    guests: () => ({ here: list('here'), there: list('there'), off: list('off') }),
    told: () =>
      JSON.parse(host.read('/data/updates/maintenance.json')) as ReturnType<Host['told']>,
  };
}

const HERE = { here: ['mail', 'web server'], there: [], off: [] };
const states = ({ stdout }: Finished): string[] => stdout.trimEnd().split('\n');

t.test(
  'guests are shut down, and started again after the boot',
  needs('busybox'),
  async (t) => {
    const host = makeHost(t);
    const drained = await host.hook('drain');
    t.match(drained, { status: 0 }, drained.stderr);
    t.same(states(drained), ['requested', 'draining', 'ready']);
    t.same(host.guests(), { here: [], there: [], off: ['mail', 'web server'] });
    t.match(host.told(), { state: 'ready', version: '2.0.0' });
    t.same(states(await host.hook('pre-reboot')), ['rebooting']);
    const back = await host.hook('post-boot');
    t.same([back.status, ...states(back)], [0, 'verifying', 'completed']);
    t.same(host.guests(), HERE);
    t.match(host.told(), { state: 'completed', message: '' });
    t.same((await host.hook('post-boot')).stdout, '', 'and called again it does nothing');
    t.notOk(fs.existsSync(host.path('/data/updates/guests-away')));
  },
);

t.test(
  'guests move to a peer and come back when it is said how',
  needs('busybox'),
  async (t) => {
    for (const back of ['', 'migrate_back=qemu+tls://me/system\n']) {
      const host = makeHost(t, `migrate_to=qemu+tls://peer/system\n${back}`);
      const drained = await host.hook('drain');
      t.equal(drained.status, 0, drained.stderr);
      t.same(host.guests(), { here: [], there: ['mail', 'web server'], off: [] });
      t.equal((await host.hook('post-boot')).status, 0);
      t.same(host.guests().here.length, back === '' ? 0 : 2);
    }
  },
);

t.test(
  'a guest that stays makes it "not now", and all come back',
  needs('busybox'),
  async (t) => {
    for (const settings of [
      '',
      'migrate_to=qemu+tls://peer/system\nmigrate_back=qemu+tls://me/system\n',
    ]) {
      const host = makeHost(t, settings);
      host.put('/vm/stubborn/mail', '');
      const { status, stderr } = await host.hook('drain');
      t.equal(status, 75, stderr);
      t.match(stderr, /still here after 60 seconds: mail/);
      t.equal(host.guests().here.join(), 'mail');
      if (settings === '') t.equal(host.read('/vm/told'), 'mail\nweb server\n', 'once');
      const reason = 'hook drain/50-drain says: "not now" \\ later';
      const undone = await host.hook('on-failure', {
        QX_REASON_CODE: 'deferred',
        QX_REASON: reason,
      });
      t.equal(undone.status, 0, undone.stderr);
      t.same(host.guests(), HERE);
      t.match(host.told(), { state: 'cancelled', message: reason });
    }
  },
);

t.test(
  'after a failed update all come back, also when it is cut off',
  needs('busybox'),
  async (t) => {
    const host = makeHost(t);
    await host.hook('drain');
    host.put('/vm/dead', '');
    const failure = { QX_REASON_CODE: 'apply-failed', QX_REASON: 'it did not boot' };
    const early = await host.hook('on-failure', failure);
    t.equal(early.status, 75, 'the hypervisor is not up yet');
    t.match(early.stderr, /does not answer/);
    fs.rmSync(host.path('/vm/dead'));
    t.equal((await host.hook('on-failure', failure)).status, 0);
    t.same(host.guests(), HERE);
    t.match(host.told(), { state: 'failed', message: 'it did not boot' });
    t.equal((await host.hook('on-failure', failure)).stdout, '');
  },
);

t.test(
  'a guest that does not start again is told, and tried the next time',
  needs('busybox'),
  async (t) => {
    const host = makeHost(t);
    await host.hook('drain');
    fs.rmSync(host.path('/vm/off/mail'));
    const { status } = await host.hook('post-boot');
    t.equal(status, 0, 'a lost guest does not take a good system back');
    t.match(host.told(), { state: 'completed', message: 'not back: mail' });
    t.same(host.guests().here, ['web server']);
    host.put('/vm/off/mail', '');
    await host.hook('post-boot');
    t.match(host.told(), { state: 'completed', message: '' });
    t.same(host.guests(), HERE);
  },
);

t.test(
  'where only services restart, guests stay unless the settings say otherwise',
  needs('busybox'),
  async (t) => {
    const host = makeHost(t);
    t.equal((await host.hook('drain', { QX_KIND: 'components' })).status, 0);
    t.same(host.guests(), HERE);
    t.equal((await host.hook('post-install', { QX_KIND: 'components' })).stdout, '');
    host.put('/etc/conf.d/quantix-drain', 'when=always\n');
    const drained = await host.hook('drain', { QX_KIND: 'components' });
    t.same(states(drained), ['requested', 'draining', 'ready', 'updating']);
    t.equal(host.guests().here.length, 0);
  },
);

t.test('a hypervisor without virsh is asked by commands', needs('busybox'), async (t) => {
  const settings =
    'guests_command="qm guests"\nleave_command="qm leave"\nreturn_command="qm return"\n';
  const host = makeHost(t, settings);
  fs.rmSync(host.path('/bin/virsh'));
  host.stub(
    'qm',
    `cd ${host.path('/vm')}; case $1 in guests) ls here;; leave) mv "here/$2" off/;; return) mv "off/$2" here/;; esac`,
  );
  const drained = await host.hook('drain');
  t.equal(drained.status, 0, drained.stderr);
  t.same(host.guests(), { here: [], there: [], off: ['mail', 'web server'] });
  await host.hook('post-boot');
  t.same(host.guests(), HERE);
  host.put('/etc/conf.d/quantix-drain', '');
  const { status, stderr } = await host.hook('drain');
  t.equal(status, 1);
  t.match(stderr, /there is no virsh/);
});
