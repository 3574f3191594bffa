import fs from 'node:fs';
import t, { type Test } from 'tap';
import { PHASES } from '../../client/hooks/find.ts';
import { type Hooks, makeHooks } from '../support/hooks.ts';
import {
  boot,
  nodeComponent,
  publishImage,
  readBootState,
  type SlotHost,
  slotHost,
  systemImage,
  writeBootState,
} from '../support/slot-host.ts';

/** Hooks around a system image: before it is written, before the machine restarts, and in its first boot. */

t.setTimeout(600_000);

interface Scene extends SlotHost {
  hooks: Hooks;
  /** `--quiet` and its end. */
  ends: (...words: string[]) => Promise<number | null>;
}

/** A host that may restart itself, with a hook in each phase, and an image that waits for it. */
function scene(t: Test): Scene {
  const all = slotHost(t.testdir({ tree: {}, host: {} }));
  const { forge, host } = all;
  host.configure({ auto_apply: true, auto_reboot: true });
  fs.mkdirSync(host.path('/sbin'));
  const reboot = `#!/bin/sh\necho reboot >> ${host.path('/ledger')}\n`;
  fs.writeFileSync(host.path('/sbin/reboot'), reboot, { mode: 0o755 });
  const hooks = makeHooks(host);
  for (const phase of PHASES) hooks.put(phase, '10');
  const components = [nodeComponent(forge, '1.0.0')];
  const image = systemImage('1.0.0');
  publishImage(forge, { version: '1.0.0', serial: 1, image, manifest: { components } });
  return { ...all, hooks, ends: async (...words) => (await host.run(words)).status };
}

t.test('through a restart, and each hook once', async (t) => {
  const { host, hooks, ends } = scene(t);
  hooks.put('post-boot', '10', `ls "$QX_CONTENTS" > ${host.path('/contents')}`);
  t.equal(await ends('run'), 0);
  t.same(hooks.ran(), [
    'pre-check/10',
    'pre-install/10',
    'drain/10',
    'pre-reboot/10',
    'reboot',
  ]);
  boot(host.dir, 'B', 'trial');
  t.equal(await ends('recover'), 0);
  t.same(hooks.ran(), [], 'the boot is not interrupted');
  t.equal(await ends('mark-good', '--if-healthy'), 0);
  t.same(hooks.ran(), ['post-boot/10']);
  t.equal(fs.readFileSync(host.path('/contents'), 'utf8'), 'qx-node\n');
  t.match(await readBootState(host.dir), { slots: { B: { kind: 'good' } } });
  t.equal(await ends('mark-good', '--if-healthy'), 0);
  t.equal(await ends('run'), 0);
  t.same(hooks.ran(), []);
});

t.test('pre-install comes before the other slot is touched', async (t) => {
  const { host, hooks, ends } = scene(t);
  const before = await readBootState(host.dir);
  hooks.put('pre-install', '10', 'exit 75');
  t.equal(await ends('run'), 75);
  t.same(hooks.ran(), ['pre-check/10', 'pre-install/10', 'on-failure/10']);
  t.same(await readBootState(host.dir), before);
});

t.test('a machine that is not ready goes on waiting', async (t) => {
  const { host, hooks, ends } = scene(t);
  hooks.put('drain', '10', 'exit 75');
  t.equal(await ends('run'), 75);
  t.same(hooks.ran(), ['pre-check/10', 'pre-install/10', 'drain/10', 'on-failure/10']);
  t.equal(await ends('run'), 75);
  t.same(hooks.ran(), ['drain/10', 'on-failure/10'], 'asked again');
  t.match(await readBootState(host.dir), { next: 'B', slots: { B: { kind: 'trial' } } });
  hooks.put('drain', '10');
  t.equal(await ends('run'), 0);
  t.same(hooks.ran(), ['drain/10', 'pre-reboot/10', 'reboot']);
});

t.test('a hook that refuses the restart gives the image up', async (t) => {
  const { host, hooks, ends } = scene(t);
  hooks.put('pre-reboot', '10', 'echo a disk is failing; exit 1');
  t.equal(await ends('run'), 40);
  t.same(hooks.ran().slice(2), ['drain/10', 'pre-reboot/10', 'on-failure/10']);
  t.match(await readBootState(host.dir), { next: 'A', slots: { B: { kind: 'bad' } } });
  const later = await host.run(['run']);
  t.equal(later.status, 75, later.stderr);
  t.match(later.stderr, /was taken back on this host before/);
  t.same(hooks.ran(), [], 'and nothing is left to take back');
});

t.test('post-boot decides whether a system on trial is good', async (t) => {
  const { host, hooks, ends } = scene(t);
  t.equal(await ends('run'), 0);
  boot(host.dir, 'B', 'trial');
  hooks.put('post-boot', '10', 'exit 75');
  t.equal(await ends('mark-good', '--if-healthy'), 75);
  t.match(await readBootState(host.dir), { slots: { B: { kind: 'trial' } } });
  hooks.put('post-boot', '10', 'exit 9');
  hooks.ran();
  t.equal(await ends('mark-good', '--if-healthy'), 40);
  t.match(await readBootState(host.dir), { next: 'A', slots: { B: { kind: 'bad' } } });
  t.same(hooks.ran(), ['post-boot/10'], 'it is taken back once the other one runs');
  boot(host.dir, 'A', 'fallback');
  hooks.put('on-failure', '10', `echo "$QX_REASON" > ${host.path('/why')}; exit 75`);
  t.equal(await ends('recover'), 75, 'not yet: nothing of the system is up');
  hooks.put('on-failure', '10');
  t.equal(await ends('run'), 75, 'the release is refused');
  t.same(hooks.ran(), ['on-failure/10', 'on-failure/10']);
  t.equal(fs.readFileSync(host.path('/why'), 'utf8'), 'hook post-boot/10 ended with 9\n');
});

t.test('a system that never became good is taken back as well', async (t) => {
  const { host, hooks, ends } = scene(t);
  t.equal(await ends('run'), 0);
  hooks.ran();
  const state = await readBootState(host.dir);
  const slots = { ...state.slots, B: { kind: 'trial', triesLeft: 0 } as const };
  await writeBootState(host.dir, { ...state, slots });
  boot(host.dir, 'A', 'fallback');
  t.equal(await ends('recover'), 0);
  t.same(hooks.ran(), ['on-failure/10']);
});

t.test('a person who marks a system good is not overruled', async (t) => {
  const { host, hooks, ends } = scene(t);
  t.equal(await ends('run'), 0);
  boot(host.dir, 'B', 'trial');
  hooks.put('post-boot', '10', 'exit 9');
  const { status, stderr } = await host.run(['mark-good']);
  t.equal(status, 0);
  t.match(stderr, /the slot is marked; hook post-boot\/10 ended with 9/);
  t.match(await readBootState(host.dir), { next: 'B', slots: { B: { kind: 'good' } } });
});
