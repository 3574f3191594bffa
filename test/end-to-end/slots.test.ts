import fs from 'node:fs';
import t from 'tap';
import { parsePointer } from '../../client/format/pointer.ts';
import { manifestPath, pointerPath } from '../../client/format/tree.ts';
import { listed, putRoot, putSigned, role } from '../attack/documents.ts';
import { fixedKey, sha256 } from '../support/forge.ts';
import {
  boot,
  chosenSlot,
  damageSlot,
  FRESH,
  nodeComponent,
  publishImage,
  readBootState,
  type SlotHost,
  slotHost,
  slotStart,
  statusOf,
  systemImage,
  writeBootState,
} from '../support/slot-host.ts';

t.setTimeout(120_000);

async function ok({ host }: SlotHost, ...words: string[]): Promise<string> {
  const { status, stdout, stderr } = await host.run(words);
  if (status !== 0) throw new Error(`${words.join(' ')} ended with ${status}: ${stderr}`);
  return stdout + stderr;
}

/** What GRUB would do now: one try less, and the kernel is told. */
async function bootNext({ host }: SlotHost): Promise<string> {
  const state = await readBootState(host.dir);
  const slot = chosenSlot(state);
  const { kind, triesLeft } = state.slots[slot];
  const slots = { ...state.slots, [slot]: { kind, triesLeft: triesLeft - 1 } };
  await writeBootState(host.dir, { ...state, slots });
  const reason = slot !== state.next ? 'fallback' : kind === 'trial' ? 'trial' : 'proven';
  boot(host.dir, slot, reason);
  return `${slot} ${reason}`;
}

t.test('an image is written to the other slot, tried, and marked good', async (t) => {
  for (const encoding of ['identity', 'br'] as const) {
    const all = slotHost(t.testdir({ tree: {}, host: {} }));
    const { forge, host } = all;
    const image = systemImage('1.0.0');
    const content = { sha256: sha256(image), size: 1 };
    const attachments = [{ name: 'sbom', media_type: 'text/spdx', content }];
    const manifest = { attachments };
    publishImage(forge, { version: '1.0.0', serial: 1, image, encoding, manifest });
    const before = slotStart(host.dir, 'A', image.length);

    const check = await host.run(['check', '--exit-code']);
    t.equal(check.status, 100, check.stderr);
    t.match(check.stdout, /system image\s+1\.0\.0/);
    const applied = await host.run(['apply', '--exit-code']);
    t.equal(applied.status, 101, applied.stderr);
    t.match(applied.stdout, /written to the other slot .* restart this machine/);

    t.equal(sha256(slotStart(host.dir, 'B', image.length)), sha256(image));
    t.same(
      slotStart(host.dir, 'A', image.length),
      before,
      'the booted slot is as it was',
    );
    t.match(await readBootState(host.dir), {
      next: 'B',
      slots: { A: { kind: 'good', triesLeft: 8 }, B: { kind: 'trial', triesLeft: 3 } },
    });
    t.match(await statusOf(host), {
      status: 'reboot-required',
      slots: {
        booted: 'A',
        reason: 'proven',
        next: 'B',
        rebootPending: true,
        a: { state: 'good', version: '0.9.0', sha256: null },
        b: { state: 'trial', triesLeft: 3, version: '1.0.0', sha256: sha256(image) },
      },
    });
    const again = await host.run(['run', '--exit-code']);
    t.equal(again.status, 101, 'what waits is not fetched again');

    t.match(await ok(all, 'history'), /written\s+1\.0\.0\s+waits in slot B/);
    t.equal(await bootNext(all), 'B trial');
    await ok(all, 'recover');
    t.match(await statusOf(host), {
      version: '1.0.0',
      slots: { booted: 'B', reason: 'trial', a: { state: 'good', version: '0.9.0' } },
    });
    t.match(await ok(all, 'mark-good'), /slot B is good/);
    t.match(await readBootState(host.dir), {
      next: 'B',
      slots: { B: { kind: 'good', triesLeft: 8 } },
    });
    t.match(await ok(all, 'history'), /installed\s+1\.0\.0/);
    t.match(await ok(all, 'history', '--attachments'), /1\.0\.0[^]*sbom {2}text\/spdx/);
    t.match(await ok(all, 'run'), /^$/, 'nothing new, and nothing to say');
    t.match(await ok(all, 'check'), /up to date: 1\.0\.0/);
    t.match(await ok(all, 'verify'), /slot B are as signed/);
    damageSlot(host.dir, 'B', 100_000);
    const rotten = await host.run(['verify']);
    t.equal(rotten.status, 21);
    t.match(rotten.stderr, /slot B: the system image is not what was signed/);
  }
});

t.test('a trial that never becomes good is refused, with its reason', async (t) => {
  const all = slotHost(t.testdir({ tree: {}, host: {} }));
  const { forge, host } = all;
  publishImage(forge, { version: '1.0.0', serial: 1, image: systemImage('1.0.0') });
  await ok(all, 'apply');
  const boots = [];
  for (let tries = 0; tries < 4; tries += 1) boots.push(await bootNext(all));
  t.same(boots, ['B trial', 'B trial', 'B trial', 'A fallback']);
  t.match(await ok(all, 'recover'), /did not become good in any of its three boots/);
  t.match(await statusOf(host), {
    status: 'error',
    version: null,
    lastRefusal: {
      message: /slot B did not become good/,
      found: /slot A runs, because: fallback/,
    },
    slots: { booted: 'A', rebootPending: false, b: { state: 'trial', triesLeft: 0 } },
  });
  const refused = await host.run(['apply']);
  t.equal(refused.status, 75);
  t.match(refused.stderr, /1\.0\.0 was taken back on this host before/);
  t.match(await ok(all, 'history'), /returned.*did not become good/);

  publishImage(forge, { version: '1.1.0', serial: 2, image: systemImage('1.1.0') });
  await ok(all, 'mark-good');
  await ok(all, 'apply');
  t.equal(await bootNext(all), 'B trial');
  await ok(all, 'mark-good');
  t.match(await statusOf(host), { version: '1.1.0', lastRefusal: null });
});

t.test(
  'components go with their system: older overrides never shadow a new one',
  async (t) => {
    const all = slotHost(t.testdir({ tree: {}, host: {} }));
    const { forge, host } = all;
    const place = host.path('/data/bin/qx-node');
    const reads = (file = place): string | null =>
      fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : null;
    const told = host.path('/data/versions/qx-node.version');
    const others = host.path('/data/versions/other.version');
    fs.mkdirSync(host.path('/data/versions'), { recursive: true });
    fs.writeFileSync(others, 'of somebody else\n');
    forge.release({ version: '1.0.0', serial: 1 });
    await ok(all, 'apply');
    t.match(reads(), /1\.0\.0/);
    t.equal(reads(told), '1.0.0\n', 'readers of the older layout are told');

    // The image has its own qx-node baked in: nothing at the install path.
    publishImage(forge, {
      version: '2.0.0',
      serial: 2,
      image: systemImage('2.0.0'),
      fullImage: { components: { 'qx-node': '2.0.0' } },
      manifest: { release: 2 },
    });
    await ok(all, 'apply');
    t.match(reads(), /1\.0\.0/, 'before the reboot everything is as it was');
    await bootNext(all);
    await ok(all, 'recover');
    t.equal(reads(), null, 'the link leads nowhere: the baked one counts');
    t.equal(reads(told), null, 'and nothing is claimed of it');
    for (let boots = 0; boots < 3; boots += 1) await bootNext(all);
    t.match(await ok(all, 'recover'), /another system runs in slot A/);
    t.match(reads(), /1\.0\.0/, 'the fallback brings it back');
    t.equal(reads(told), '1.0.0\n');
    t.equal(reads(others), 'of somebody else\n');
    t.match(await statusOf(host), { version: '1.0.0' });

    // An image and a component in one release: one fate.
    const component = nodeComponent(forge, '3.0.0');
    publishImage(forge, {
      version: '3.0.0',
      serial: 3,
      image: systemImage('3.0.0'),
      manifest: { release: 3, components: [component] },
    });
    await ok(all, 'mark-good');
    await ok(all, 'apply');
    t.match(reads(), /1\.0\.0/, 'not switched before the system is');
    await bootNext(all);
    await ok(all, 'mark-good');
    t.match(reads(), /3\.0\.0/);
    t.match(await ok(all, 'current'), /3\.0\.0/);

    // And back by hand, to the other slot, at the next boot.
    t.match(await ok(all, 'rollback'), /slot A .*is next: restart/);
    t.match(reads(), /3\.0\.0/);
    t.equal(await bootNext(all), 'A proven');
    await ok(all, 'recover');
    t.match(reads(), /1\.0\.0/);
    const refused = await host.run(['apply']);
    t.equal(refused.status, 75, 'what was left by hand does not come again');
  },
);

t.test('mark-good needs nothing but the environment', async (t) => {
  const { host } = slotHost(t.testdir({ tree: {}, host: {} }));
  const state = {
    ...FRESH,
    slots: { ...FRESH.slots, A: { kind: 'good', triesLeft: 3 } as const },
  };
  await writeBootState(host.dir, state);
  for (const folder of ['data', 'quantix'])
    fs.rmSync(host.path(`/${folder}`), { recursive: true, force: true });
  const marked = await host.run(['mark-good']);
  t.equal(marked.status, 0, marked.stderr);
  t.match(marked.stderr, /warning: no configuration/);
  t.equal((await readBootState(host.dir)).slots.A.triesLeft, 8);
});

t.test('mark-good --if-healthy says what is not well, and marks nothing', async (t) => {
  const all = slotHost(t.testdir({ tree: {}, host: {} }));
  const { forge, host } = all;
  const health = [{ type: 'tcp' as const, port: 1, timeout_seconds: 1, retries: 0 }];
  const component = nodeComponent(forge, '1.0.0', { health });
  const manifest = { components: [component] };
  publishImage(forge, {
    version: '1.0.0',
    serial: 1,
    image: systemImage('1.0.0'),
    manifest,
  });
  await ok(all, 'apply');
  await bootNext(all);
  await ok(all, 'recover');
  const refused = await host.run(['mark-good', '--if-healthy']);
  t.equal(refused.status, 75);
  t.match(refused.stderr, /health check failed: qx-node: tcp/);
  t.match(await readBootState(host.dir), {
    slots: { B: { kind: 'trial', triesLeft: 2 } },
  });
});

t.test('past a replaced release key the other slot is to be named', async (t) => {
  const all = slotHost(t.testdir({ tree: {}, host: {} }));
  const { forge, host } = all;
  const { root, channel } = forge.keys;
  const installed = async (version: string, serial: number): Promise<void> => {
    const at = { version, serial, manifest: { release: serial } };
    publishImage(forge, { ...at, image: systemImage(version) });
    if (serial > 2) {
      const pointer = parsePointer(forge.read(pointerPath('quantix-os', 'stable')));
      const path = manifestPath(pointer.manifests.any?.sha256 ?? '');
      putSigned(forge, path, forge.read(path), next);
    }
    await ok(all, 'apply');
    await bootNext(all);
    await ok(all, 'mark-good');
  };
  const next = fixedKey(21);
  await installed('1.0.0', 1);
  await installed('1.1.0', 2);
  t.match(await ok(all, 'rollback', '--dry-run'), /would boot slot B \(1\.0\.0\)/);
  const roles = { ...forge.root.roles, release: role(1, next) };
  putRoot(forge, 2, { keys: listed(root, channel, next), roles }, root);
  await installed('1.2.0', 3);
  const back = await host.run(['rollback']);
  t.equal(back.status, 20, back.stderr);
  t.match(back.stderr, /a release key was replaced[^]*qx-update rollback --slot/);
  t.match(await readBootState(host.dir), { next: 'B' });
  t.match(await ok(all, 'rollback', '--slot'), /slot A \(1\.1\.0\) is next/);
});

t.test('mark-bad gives the running system up', async (t) => {
  const all = slotHost(t.testdir({ tree: {}, host: {} }));
  publishImage(all.forge, { version: '1.0.0', serial: 1, image: systemImage('1.0.0') });
  await ok(all, 'apply');
  await bootNext(all);
  t.match(await ok(all, 'mark-bad'), /slot B is bad, slot A is next/);
  await bootNext(all);
  t.match(await ok(all, 'recover'), /slot B was marked bad/);
});

t.test(
  'auto_reboot starts the machine anew, and not while the host is held',
  async (t) => {
    const all = slotHost(t.testdir({ tree: {}, host: {} }));
    const { forge, host } = all;
    host.configure({ auto_apply: true, auto_reboot: true });
    fs.mkdirSync(host.path('/sbin'), { recursive: true });
    const script = `#!/bin/sh\necho begun >>"${host.path('/rebooted')}"\n`;
    fs.writeFileSync(host.path('/sbin/reboot'), script, { mode: 0o755 });
    const reboots = (): number =>
      fs.existsSync(host.path('/rebooted'))
        ? fs.readFileSync(host.path('/rebooted'), 'utf8').split('\n').length - 1
        : 0;
    publishImage(forge, { version: '1.0.0', serial: 1, image: systemImage('1.0.0') });
    t.match(await ok(all, 'run'), /restarting now/);
    t.equal(reboots(), 1);
    await ok(all, 'hold');
    t.equal((await host.run(['run'])).status, 75);
    t.equal(reboots(), 1);
  },
);

t.test('another boot environment, one plain file, does as well', async (t) => {
  const all = slotHost(t.testdir({ tree: {}, host: {} }));
  const { forge, host } = all;
  fs.rmSync(host.path('/boot/grub'), { recursive: true });
  fs.writeFileSync(host.path('/boot/state.json'), JSON.stringify(FRESH));
  host.configure({ boot_environment: '/boot/state.json' });
  publishImage(forge, { version: '1.0.0', serial: 1, image: systemImage('1.0.0') });
  await ok(all, 'apply');
  boot(host.dir, 'B', 'trial');
  await ok(all, 'mark-good');
  t.match(await statusOf(host), {
    version: '1.0.0',
    slots: { next: 'B', b: { state: 'good' } },
  });
});
