import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { makeAppliance } from '../support/appliance.ts';
import { needs, needsMounts } from '../support/needs.ts';
import { run } from '../support/process.ts';
import { seeded } from '../support/seeded.ts';
import { ROOT } from '../support/setup.mjs';

const SCRIPT = path.join(ROOT, 'overlay/initramfs/quantix-root');

/** A real slot image of either layout, and what hand_over would boot. */
async function makeImage(dir: string, layout: string): Promise<string> {
  fs.mkdirSync(path.join(dir, 'root/sbin'), { recursive: true });
  fs.writeFileSync(path.join(dir, 'root/sbin/init'), '#!/bin/sh\n', { mode: 0o755 });
  fs.writeFileSync(path.join(dir, 'root/version'), `made as ${layout}\n`);
  fs.writeFileSync(path.join(dir, 'vmlinuz'), seeded(1).bytes(9000));
  const recipe = path.join(ROOT, 'repo-template/image/make-image.sh');
  const input = ['--kernel', 'vmlinuz', '--initramfs', 'vmlinuz', '--compatible', 'x'];
  const words = ['--layout', layout, ...input, '--version', '1.0.0', 'root', 'image'];
  const made = await run('sh', [recipe, ...words], { cwd: dir });
  if (made.status !== 0) throw new Error(made.stderr);
  return path.join(dir, 'image');
}

/** The mounts of the kernel that runs this test, in a namespace that ends with it. */
const REAL_MOUNTS = `
mount -t tmpfs tmpfs "$ROOT/dev"
cp "$IMAGE" "$ROOT/dev/vda3"
mkdir -p "$ROOT/run"
for name in proc sys run; do mount --bind "$ROOT/$name" "$ROOT/$name"; done
exec busybox ash "$SCRIPT"`;
const LOOK = `
cat "$1/version"; : > "$1/written" && echo "can be written"
ls "$1/dev/vda3" "$1/proc/cmdline" "$1/sys/class" "$1/run" > "$ROOT/seen" && echo "mounts are there"
grep " $1 " /proc/self/mounts | sed 's/ .*//'`;

for (const layout of ['A', 'B']) {
  const tools = needs('busybox', 'mksquashfs', 'debugfs');
  t.test(
    `layout ${layout} with real file systems`,
    { ...needsMounts(), ...tools },
    async (t) => {
      const image = await makeImage(t.testdir(), layout);
      const machine = makeAppliance(path.join(path.dirname(image), 'machine'));
      for (const program of ['reboot', 'sleep']) machine.stub(program);
      machine.stub('switch_root', LOOK);
      machine.put('/proc/cmdline', 'root=PARTLABEL=QUANTIX-A quantix.slot=A\n');
      machine.put(
        '/proc/mounts',
        '/proc /sys /dev /run'.replace(/\S+/g, '\nnone $& none'),
      );
      machine.put('/proc/sys/kernel/panic', '10\n');
      const uevent = 'DEVNAME=vda3\nPARTNAME=QUANTIX-A\n';
      machine.put('/sys/class/block/vda3/uevent', uevent);
      machine.put('/dev/.keep', '');
      const env = { ROOT: machine.dir, IMAGE: image, SCRIPT };
      const words = ['--mount', '--propagation', 'private', 'sh', '-euc', REAL_MOUNTS];
      const { status, stdout, stderr } = await run('unshare', words, { env });
      t.match(stdout, `QUANTIX-A is /dev/vda3, layout ${layout}\nmade as ${layout}\n`);
      t.match(stdout, 'can be written\nmounts are there\noverlay\n');
      t.equal(status, 0, stdout + stderr);
      t.same(
        machine.called().filter((call) => call.startsWith('reboot')),
        [],
      );
    },
  );
}
