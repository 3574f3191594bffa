import fs from 'node:fs';
import t, { type Test } from 'tap';
import { type Appliance, makeAppliance } from '../support/appliance.ts';
import { needs } from '../support/needs.ts';
import type { Finished } from '../support/process.ts';

const SCRIPT = 'initramfs/quantix-root';
const COMMAND_LINE =
  'BOOT_IMAGE=/boot/vmlinuz root=PARTLABEL=QUANTIX-A quantix.slot=A ro\n';

/** An initramfs as the kernel starts it, with two slots on /dev/vda; what would change this machine is written down. */
function makeInitramfs(t: Test): Appliance {
  const machine = makeAppliance(t.testdir());
  for (const program of ['insmod', 'modprobe', 'watchdog', 'sleep'])
    machine.stub(program);
  for (const program of ['mount', 'reboot', 'switch_root']) machine.stub(program);
  machine.put('/proc/cmdline', COMMAND_LINE);
  machine.put('/proc/mounts', 'rootfs / rootfs rw 0 0\nproc /proc proc rw 0 0\n');
  machine.put('/proc/sys/kernel/panic', '10\n');
  addPartition(machine, 'vda3', 'QUANTIX-A', 'hsqs, and so on');
  addPartition(machine, 'vda4', 'QUANTIX-B', 'hsqs, and so on');
  // What the stub of mount does not bring.
  machine.put('/quantix-root/new/sbin/init', '#!/bin/sh\n', 0o755);
  return machine;
}

function addPartition(
  machine: Appliance,
  device: string,
  name: string,
  content: string,
): void {
  const uevent = `MAJOR=254\nMINOR=3\nDEVNAME=${device}\nDEVTYPE=partition\nPARTNAME=${name}\n`;
  machine.put(`/sys/class/block/${device}/uevent`, uevent);
  machine.put(`/dev/${device}`, content);
}

/** What was said and done, without the pauses. */
async function boot(machine: Appliance): Promise<Finished & { calls: string[] }> {
  const finished = await machine.run(SCRIPT);
  return {
    ...finished,
    calls: machine.called().filter((call) => !call.startsWith('sleep')),
  };
}

t.test(
  'the slot of the command line is mounted and handed over to',
  needs('busybox'),
  async (t) => {
    const machine = makeInitramfs(t);
    const { status, stdout, calls } = await boot(machine);
    t.match(stdout, 'quantix-root: QUANTIX-A is /dev/vda3, layout A\n');
    t.equal(status, 0);
    t.same(calls, [
      'mount -t sysfs -o nosuid,nodev,noexec sysfs /sys',
      'mount -t devtmpfs -o nosuid,mode=0755 devtmpfs /dev',
      'mount -t tmpfs -o nosuid,nodev,mode=0755 tmpfs /run',
      'mount -t squashfs -o ro /dev/vda3 /quantix-root/lower',
      'mount -t tmpfs -o mode=0755 tmpfs /quantix-root/writable',
      'mount -t overlay -o lowerdir=/quantix-root/lower,upperdir=/quantix-root/writable/upper,workdir=/quantix-root/writable/work overlay /quantix-root/new',
      ...['dev', 'proc', 'sys', 'run'].map(
        (name) => `mount -o move /${name} /quantix-root/new/${name}`,
      ),
      'switch_root /quantix-root/new /sbin/init',
    ]);
  },
);

t.test(
  'layout B: the squashfs within the ext4, by a loop device',
  needs('busybox'),
  async (t) => {
    const machine = makeInitramfs(t);
    addPartition(machine, 'vda3', 'QUANTIX-A', 'no squashfs');
    machine.put('/quantix-root/slot/quantix/system.squashfs', 'hsqs');
    const { stdout, calls } = await boot(machine);
    t.match(stdout, 'layout B');
    t.same(
      calls.filter((call) => call.includes('/lower') && !call.includes('overlay')),
      [
        'mount -t squashfs -o ro,loop /quantix-root/slot/quantix/system.squashfs /quantix-root/lower',
      ],
    );
    t.ok(calls.includes('mount -t ext4 -o ro /dev/vda3 /quantix-root/slot'));
    t.match(calls.at(-1), /^switch_root/);
  },
);

t.test('the last root= of the command line counts', needs('busybox'), async (t) => {
  const machine = makeInitramfs(t);
  machine.put('/proc/cmdline', 'root=PARTLABEL=QUANTIX-A ro root=PARTLABEL=QUANTIX-B\n');
  t.match((await boot(machine)).stdout, 'QUANTIX-B is /dev/vda4');
});

t.test(
  'a device whose name is a path is found by that, and a disk that comes late is waited for',
  needs('busybox'),
  async (t) => {
    const machine = makeInitramfs(t);
    fs.rmSync(machine.path('/sys/class/block/vda3'), { recursive: true });
    const entry = machine.path('/sys/class/block/cciss!c0d0p3');
    const body = `mkdir -p '${entry}'; printf 'DEVNAME=cciss/c0d0p3\\nPARTNAME=QUANTIX-A\\n' > '${entry}/uevent'`;
    machine.put('/dev/cciss/c0d0p3', 'hsqs');
    machine.stub('sleep', body);
    t.match((await boot(machine)).stdout, 'QUANTIX-A is /dev/cciss/c0d0p3');
    t.equal(machine.called().filter((call) => call === 'sleep 0.2').length, 1);
  },
);

t.test(
  'a panic that would wait for a person is given an end',
  needs('busybox'),
  async (t) => {
    const machine = makeInitramfs(t);
    machine.put('/proc/sys/kernel/panic', '0\n');
    await boot(machine);
    t.equal(machine.read('/proc/sys/kernel/panic'), '10\n');
    machine.put('/proc/sys/kernel/panic', '3\n');
    await boot(machine);
    t.equal(machine.read('/proc/sys/kernel/panic'), '3\n', 'but a time of its own stays');
  },
);

t.test(
  'modules are loaded in the order of the list, and one that is built in is no failure',
  needs('busybox'),
  async (t) => {
    const machine = makeInitramfs(t);
    machine.put(
      '/etc/quantix-modules',
      '# the disk\nvirtio_blk\n\n/lib/modules/squashfs.ko\nlast_without_newline',
    );
    machine.stub('modprobe', 'exit 1');
    const { stdout, calls } = await boot(machine);
    t.same(
      calls.filter((call) => /^(insmod|modprobe)/.test(call)),
      [
        'modprobe virtio_blk',
        'insmod /lib/modules/squashfs.ko',
        'modprobe last_without_newline',
      ],
    );
    t.match(stdout, 'module virtio_blk does not load');
    t.match(calls.at(-1), /^switch_root/);
  },
);

t.test(
  'a watchdog is started as soon as its driver is loaded',
  needs('busybox'),
  async (t) => {
    const machine = makeInitramfs(t);
    t.notOk((await boot(machine)).calls.some((call) => call.startsWith('watchdog')));
    const other = makeInitramfs(t);
    other.put('/etc/quantix-modules', 'i6300esb\nvirtio_blk\n');
    other.stub('modprobe', `: > ${other.path('/dev/watchdog')}`);
    t.same(
      (await boot(other)).calls.filter((call) => /^(modprobe|watchdog)/.test(call)),
      ['modprobe i6300esb', 'watchdog -T 60 -t 10 /dev/watchdog', 'modprobe virtio_blk'],
    );
  },
);

t.test(
  'a link as init is followed within the slot, not into the initramfs',
  needs('busybox'),
  async (t) => {
    const links: [string, string, boolean][] = [
      ['/bin/busybox', '/bin/busybox', true],
      ['../bin/busybox', '/bin/busybox', true],
      ['/bin/busybox', '/bin/other', false],
    ];
    for (const [target, there, boots] of links) {
      const machine = makeInitramfs(t);
      fs.rmSync(machine.path('/quantix-root/new/sbin/init'));
      fs.symlinkSync(target, machine.path('/quantix-root/new/sbin/init'));
      machine.put(`/quantix-root/new${there}`, '#!/bin/sh\n', 0o755);
      const { calls } = await boot(machine);
      t.equal(calls.at(-1)?.startsWith('switch_root'), boots, `${target}, ${there}`);
    }
  },
);

/** What is wrong, how it is brought about, and what a person then reads. */
const FAILURES: [string, (machine: Appliance) => void, RegExp][] = [
  [
    'no root on the command line',
    (machine) => machine.put('/proc/cmdline', 'quiet\n'),
    /no root=PARTLABEL=/,
  ],
  [
    'a root by label or identifier',
    (machine) => machine.put('/proc/cmdline', 'root=LABEL=QUANTIX-A\n'),
    /no root=PARTLABEL=/,
  ],
  [
    'no such partition',
    (machine) => machine.put('/proc/cmdline', 'root=PARTLABEL=QUANTIX-C\n'),
    /no partition is named QUANTIX-C/,
  ],
  [
    'a partition whose name begins alike',
    (machine) => machine.put('/proc/cmdline', 'root=PARTLABEL=QUANTIX-\n'),
    /no partition is named QUANTIX-;/,
  ],
  [
    'a name that would be a pattern',
    (machine) => machine.put('/proc/cmdline', 'root=PARTLABEL=QUANTIX.A\n'),
    /no partition is named QUANTIX\.A/,
  ],
  [
    'the name twice',
    (machine) => addPartition(machine, 'sdb3', 'QUANTIX-A', 'hsqs'),
    /more than one partition is named QUANTIX-A: sdb3 vda3/,
  ],
  [
    'a slot that is not a file system',
    (machine) => machine.stub('mount', 'case "$*" in *vda3*) exit 32;; esac'),
    /\/dev\/vda3 cannot be mounted as squashfs/,
  ],
  [
    'an ext4 that holds no system',
    (machine) => addPartition(machine, 'vda3', 'QUANTIX-A', 'ext4'),
    /\/dev\/vda3 holds no quantix\/system\.squashfs/,
  ],
  [
    'no overlay in the kernel',
    (machine) => machine.stub('mount', 'case "$*" in "-t overlay"*) exit 1;; esac'),
    /overlay cannot be mounted/,
  ],
  [
    'no devtmpfs in the kernel',
    (machine) => machine.stub('mount', 'case "$*" in "-t devtmpfs"*) exit 1;; esac'),
    /\/dev cannot be mounted/,
  ],
  [
    'no init in the slot',
    (machine) => fs.rmSync(machine.path('/quantix-root/new/sbin/init')),
    /no program \/sbin\/init/,
  ],
  [
    'an init that may not be executed',
    (machine) => machine.put('/quantix-root/new/sbin/init', '#!/bin/sh\n'),
    /no program \/sbin\/init/,
  ],
  [
    'a mount that cannot be moved',
    (machine) => machine.stub('mount', 'case "$*" in "-o move"*/new/sys) exit 1;; esac'),
    /\/sys cannot be moved/,
  ],
  [
    'what nobody foresaw',
    (machine) => machine.put('/quantix-root/writable/upper', 'in the way'),
    /it ended where it should not/,
  ],
];

for (const [what, bringAbout, said] of FAILURES) {
  t.test(`${what}: it is said, and the machine reboots`, needs('busybox'), async (t) => {
    const machine = makeInitramfs(t);
    bringAbout(machine);
    const { status, stdout, calls } = await boot(machine);
    t.match(stdout, said);
    t.match(stdout, /^quantix-root: error: .*; rebooting$/m);
    t.equal(calls.at(-1), 'reboot -f');
    t.equal(
      machine.read('/proc/sysrq-trigger'),
      'b\n',
      'by force, as reboot did not end it',
    );
    t.equal(status, 1, 'and the end of the first process is a panic');
    t.notOk(calls.some((call) => /switch_root|\bsh\b/.test(call)));
  });
}
