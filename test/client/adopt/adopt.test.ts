import fs from 'node:fs';
import t from 'tap';
import { nodeEffects } from '../../../client/effects/node.ts';
import { checkBootSetup, readBootSetup } from '../../../client/boot/boot-setup.ts';
import { nodeFiles } from '../../../client/effects/files.ts';
import type { QxError } from '../../../client/format/error.ts';
import { cutOff } from '../../support/cut-off.ts';
import {
  ESP,
  makeOlderHost,
  OWN_GRUB_CFG,
  putPartition,
} from '../../support/older-host.ts';
import { qxUpdate } from '../../support/process.ts';
import { refusal } from '../../support/refusal.ts';
import { makeHost } from '../../support/sandbox.ts';
import { snapshot } from '../../support/snapshot.ts';
import { client } from '../../support/three-components.ts';

type Run = NonNullable<Parameters<typeof cutOff>[2]>['processes'];

/** mount and umount, as far as they are called here; a read-only mount gives files that no one may write. */
function mounting(dir: string): { processes: NonNullable<Run>; calls: string[] } {
  const calls: string[] = [];
  const done = {
    status: 0,
    timedOut: false,
    stdout: Buffer.alloc(0),
    stderr: Buffer.alloc(0),
  };
  const [esp, boot] = [`${dir}/${ESP}`, `${dir}/boot`];
  const run = (program: string, args: readonly string[]): Promise<typeof done> => {
    calls.push([program, ...args].join(' ').replaceAll(dir, ''));
    if (program === 'mount') {
      fs.rmdirSync(boot);
      fs.renameSync(esp, boot);
    } else {
      fs.renameSync(boot, esp);
      fs.mkdirSync(boot);
    }
    return Promise.resolve(done);
  };
  return { processes: { ...nodeEffects({}).processes, run }, calls };
}

const MOUNT = 'mount -t vfat -o';

t.test(
  'where the EFI system partition is not mounted, only a plan makes it writable',
  async (t) => {
    const dir = t.testdir();
    makeOlderHost(dir, { mounted: false });
    const { processes, calls } = mounting(dir);
    const before = snapshot(`${dir}/${ESP}`);
    const call = async (...words: string[]) => {
      calls.length = 0;
      return client(dir, ['adopt', ...words], cutOff(Infinity, undefined, { processes }));
    };
    const peek = [`${MOUNT} ro,noatime,umask=0077 /dev/vda1 /boot`, 'umount /boot'];
    const dry = await call('--dry-run');
    t.equal(dry.status, 0, dry.said);
    t.same(calls, peek);
    t.same(snapshot(`${dir}/${ESP}`), before);
    fs.writeFileSync(`${dir}/proc/cmdline`, 'root=LABEL=QUANTIX-A\n');
    t.equal((await call()).status, 78);
    t.same(calls, peek, 'a refusal leaves it as it was');
    t.same(snapshot(`${dir}/${ESP}`), before);
    fs.writeFileSync(
      `${dir}/proc/cmdline`,
      'BOOT_IMAGE=/boot/vmlinuz root=LABEL=QUANTIX-A\n',
    );
    t.equal((await call()).status, 0);
    t.same(calls, [...peek, `${MOUNT} rw,noatime,umask=0077 /dev/vda1 /boot`]);
    t.equal(fs.readFileSync(`${dir}/boot/grub/grub.cfg`, 'utf8'), OWN_GRUB_CFG);
    fs.renameSync(`${dir}/boot`, `${dir}/${ESP}`);
    fs.mkdirSync(`${dir}/boot`);
    t.equal((await call('--undo')).status, 0);
    t.same(snapshot(`${dir}/${ESP}`), before, 'and the way back unmounts it');
  },
);

t.test('--dry-run and --json tell each step', async (t) => {
  const dir = t.testdir();
  makeOlderHost(dir);
  const before = snapshot(dir);
  const { status, stdout } = await qxUpdate(['--root', dir, 'adopt', '--dry-run']);
  t.equal(status, 0);
  t.match(
    stdout,
    /^write {3}\/boot\/grub\/boot-0\.env .*\n(.*\n){4}rename {2}\/boot\/grub\/grub\.cfg .*\nnothing was changed\n$/,
  );
  const json = await qxUpdate(['--root', dir, 'adopt', '--dry-run', '--json']);
  const value = JSON.parse(json.stdout) as { steps: object[] };
  t.match(value, { slot: 'A', done: false, undo: false });
  t.equal(value.steps.length, 6);
  t.match(value.steps[0], { step: 'write', path: '/boot/grub/boot-0.env', bytes: 1024 });
  t.match(value.steps[5], { step: 'rename', from: '/boot/grub/grub.cfg.next' });
  const after = snapshot(dir);
  for (const name of Object.keys(after).filter((each) => each.startsWith('run')))
    delete after[name];
  t.same(after, before, 'but for the lock');
});

t.test('the built program adopts, says so, and goes back', async (t) => {
  const dir = t.testdir();
  makeOlderHost(dir);
  const before = snapshot(`${dir}/boot`);
  const call = (...words: string[]) => qxUpdate(['--root', dir, 'adopt', ...words]);
  t.match(await call(), { status: 0, stdout: /adopted: QUANTIX-A boots as before/ });
  t.match(await call(), { status: 0, stdout: /^this host is adopted already\n$/ });
  t.match(await call('--undo'), { status: 0, stdout: /as the older system laid it out/ });
  t.same(snapshot(`${dir}/boot`), before);
  t.match(await call('--undo'), { status: 0, stdout: /^nothing to undo\n$/ });
});

t.test('disks that do not fit are refused, and nothing is changed', async (t) => {
  const rows: [what: string, change: (dir: string) => void, says: RegExp][] = [
    [
      'no slots',
      (dir) => fs.rmSync(`${dir}/sys`, { recursive: true }),
      /called QUANTIX-A/,
    ],
    [
      'a name that stands twice',
      (dir) => putPartition(dir, 'vdb3', 3, 'QUANTIX-B'),
      /vda3, \/dev\/vdb3/,
    ],
    [
      'no partition before A',
      (dir) => fs.rmSync(`${dir}/sys/class/block/vda1`),
      /do not lie/,
    ],
    [
      'a gap between the slots',
      (dir) => putPartition(dir, 'vda3', 6, 'QUANTIX-B'),
      /do not lie/,
    ],
    [
      'another partition at /boot',
      (dir) => fs.writeFileSync(`${dir}/proc/mounts`, '/dev/sdb1 /boot vfat rw 0 0\n'),
      /something else is mounted/,
    ],
    [
      'mounted read-only',
      (dir) => fs.writeFileSync(`${dir}/proc/mounts`, '/dev/vda1 /boot vfat ro 0 0\n'),
      /mounted read-only/,
    ],
  ];
  for (const [index, [what, change, says]] of rows.entries()) {
    const dir = `${t.testdirName}-${index}`;
    t.teardown(() => fs.rmSync(dir, { recursive: true, force: true }));
    makeOlderHost(dir);
    change(dir);
    const before = snapshot(`${dir}/boot`);
    const { status, said } = await client(dir, ['adopt'], cutOff(Infinity));
    t.equal(status, 78, what);
    t.match(said, says, what);
    t.same(snapshot(`${dir}/boot`), before, what);
  }
});

t.test('how a host boots, and what that means for a system image', async (t) => {
  const dir = t.testdir();
  makeOlderHost(dir);
  const setup = () => readBootSetup(nodeFiles(), dir);
  const refused = async () => {
    const found = await setup();
    return { found, ...pick(refusal(() => checkBootSetup(found))) };
  };
  t.match(await refused(), { found: 'older', code: 'config', hint: /qx-update adopt/ });
  fs.writeFileSync(`${dir}/boot/grub/boot-0.env`, 'of an adoption that was cut off');
  t.equal(await setup(), 'older');
  await client(dir, ['adopt'], cutOff(Infinity));
  t.match(await refused(), { found: 'adopted', code: 'config', hint: /reboot/ });
  fs.appendFileSync(`${dir}/proc/cmdline`, 'quantix.slot=A');
  t.equal(await setup(), 'ours');
  checkBootSetup('ours');
  fs.writeFileSync(`${dir}/proc/cmdline`, 'root=/dev/vda1');
  fs.rmSync(`${dir}/sys`, { recursive: true });
  t.match(await refused(), { found: 'none', code: 'config', message: /no slots/ });
});

function pick({ code, message, hint }: QxError) {
  return { code, message, hint };
}

t.test('on an adopted host /boot is mounted when it is needed, once', async (t) => {
  const dir = t.testdir();
  makeOlderHost(dir, { mounted: false });
  makeHost(dir, { url: 'file:///nowhere', root: Buffer.from('{}') });
  const { processes, calls } = mounting(dir);
  const call = (word: string) =>
    client(dir, [word], cutOff(Infinity, undefined, { processes }));
  t.equal((await call('recover')).status, 0);
  t.same(calls, [], 'not on a host of the older layout');
  t.equal((await call('adopt')).status, 0);
  fs.renameSync(`${dir}/boot`, `${dir}/${ESP}`);
  fs.mkdirSync(`${dir}/boot`);
  fs.appendFileSync(`${dir}/proc/cmdline`, 'quantix.slot=A');
  calls.length = 0;
  t.equal((await call('recover')).status, 0);
  t.equal((await call('recover')).status, 0);
  t.same(calls, [`${MOUNT} rw,noatime,umask=0077 /dev/vda1 /boot`]);
  t.ok(fs.existsSync(`${dir}/boot/grub/boot-0.env`));
});
