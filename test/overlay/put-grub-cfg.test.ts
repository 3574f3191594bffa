import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { type Appliance, makeAppliance } from '../support/appliance.ts';
import { needs } from '../support/needs.ts';
import { ROOT } from '../support/setup.mjs';

const SCRIPT = '/usr/lib/quantix-update/put-grub-cfg';
const NEW = path.join(ROOT, 'overlay/boot/grub/grub.cfg');
const TOOLS = needs('busybox', 'grub-script-check');

function makeHost(t: Test): Appliance {
  const host = makeAppliance(t.testdir());
  host.install();
  host.stub('logger');
  host.stub('sync');
  host.put('/boot/grub/grub.cfg', 'the old one\n');
  host.put('/proc/mounts', `/dev/vda2 ${host.dir}/boot vfat rw 0 0\n`);
  host.put('/proc/sys/vm/drop_caches', '');
  return host;
}

t.test('a new grub.cfg takes the place of the old one', TOOLS, async (t) => {
  const host = makeHost(t);
  const before = fs.statSync(host.path('/boot/grub/grub.cfg')).ino;
  t.match(await host.run(SCRIPT, [NEW]), { status: 0, stdout: '', stderr: '' });
  t.equal(host.read('/boot/grub/grub.cfg'), fs.readFileSync(NEW, 'utf8'));
  t.not(fs.statSync(host.path('/boot/grub/grub.cfg')).ino, before, 'by rename');
  t.same(fs.readdirSync(host.path('/boot/grub')), ['grub.cfg']);
  t.equal(
    host.read('/proc/sys/vm/drop_caches'),
    '3\n',
    'it was read again from the disk',
  );
  t.same(host.called(), ['sync', 'sync']);
  await host.run(SCRIPT, [NEW]);
  t.equal(host.called().length, 2, 'a second time there is nothing to do');
});

/** What is wrong, the file that is to be put, and what is said. */
const REFUSED: [string, (host: Appliance) => string, RegExp][] = [
  ['no file', (host) => host.path('/none'), /there is no file/],
  [
    'an empty one',
    (host) => (host.put('/empty', ''), host.path('/empty')),
    /there is no file/,
  ],
  [
    'what GRUB cannot read',
    (host) => (host.put('/half', 'if true; then\n'), host.path('/half')),
    /is no script of GRUB/,
  ],
  [
    '/boot not mounted',
    (host) => (host.put('/proc/mounts', ''), NEW),
    /\/boot is not mounted/,
  ],
  [
    'a disk without one',
    (host) => (fs.rmSync(host.path('/boot/grub/grub.cfg')), NEW),
    /holds no grub\.cfg/,
  ],
  [
    'a disk that gives back something else',
    (host) => (host.stub('sync', `echo x >> ${host.path('/boot/grub/grub.new')}`), NEW),
    /does not give back what was written/,
  ],
  [
    'a disk that takes nothing',
    (host) => (host.stub('cp', 'exit 1'), NEW),
    /cannot be written/,
  ],
];

for (const [what, bringAbout, said] of REFUSED) {
  t.test(`${what}: the old one stays`, TOOLS, async (t) => {
    const host = makeHost(t);
    const file = bringAbout(host);
    const had = fs.existsSync(host.path('/boot/grub/grub.cfg'));
    const { status, stderr } = await host.run(SCRIPT, [file]);
    t.equal(status, 1);
    t.match(stderr, said);
    if (had) t.equal(host.read('/boot/grub/grub.cfg'), 'the old one\n');
    t.notOk(
      fs.statSync(host.path('/boot/grub/grub.new'), { throwIfNoEntry: false })?.isFile(),
    );
  });
}
