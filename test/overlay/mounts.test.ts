import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { type Appliance, makeAppliance } from '../support/appliance.ts';
import { needs } from '../support/needs.ts';

const SCRIPT = '/usr/lib/quantix-update/overlay-mounts';
const DISK = '/sys/devices/pci/block/vda';
const PARTITIONS: [number, string][] = [
  [2, ''],
  [3, 'QUANTIX-A'],
  [4, 'QUANTIX-B'],
  [5, 'QUANTIX-CFG'],
  [6, 'QUANTIX-DATA'],
];
const ESP_OPTIONS = 'rw,noatime,nosuid,nodev,noexec,umask=022';
const LAYER = 'index=off,metacopy=off,redirect_dir=off';

/** A disk as the boot contract wants it, and what mount does to /proc/mounts. */
function makeHost(t: Test, settings = ''): Appliance {
  const host = makeAppliance(t.testdir());
  host.install();
  host.put('/etc/conf.d/quantix-overlay-mounts', settings);
  host.put('/proc/mounts', 'overlay / overlay rw 0 0\n');
  for (const [number, name] of PARTITIONS) addPartition(host, 'vda', number, name);
  mountAs(host, '');
  host.stub('blkid', 'echo "$1: UUID=\\"0\\" TYPE=\\"ext4\\""');
  host.stub('logger');
  return host;
}

/** A stand-in for mount that remembers what is where, after `first`. */
function mountAs(host: Appliance, first: string): void {
  const remember = `shift $(($# - 2)); echo "$1 $2 x rw 0 0" >> ${host.path('/proc/mounts')}`;
  host.stub('mount', `${first}\n${remember}`);
}

function addPartition(host: Appliance, disk: string, number: number, name: string): void {
  const entry = DISK.replace('vda', disk);
  const device = `${disk}${number}`;
  const named = name === '' ? '' : `PARTNAME=${name}\n`;
  const uevent = `DEVNAME=${device}\nDEVTYPE=partition\nPARTN=${number}\n${named}`;
  host.put(`${entry}/${device}/uevent`, uevent);
  fs.mkdirSync(host.path('/sys/class/block'), { recursive: true });
  fs.symlinkSync(
    path.relative('/sys/class/block', `${entry}/${device}`),
    host.path(`/sys/class/block/${device}`),
  );
  host.put(`/dev/${device}`, '');
}

const mounts = (host: Appliance): string[] =>
  host.called().filter((call) => call.startsWith('mount '));

t.test(
  'everything is mounted by its name, the EFI system partition by its place',
  needs('busybox'),
  async (t) => {
    const host = makeHost(t);
    // Another disk with partitions of the same numbers: none of it counts.
    addPartition(host, 'sda', 2, 'EFI');
    addPartition(host, 'sda', 3, 'QUANTIX-DATA-OLD');
    const { status, stderr } = await host.run(SCRIPT);
    t.same([status, stderr], [0, '']);
    t.same(mounts(host), [
      `mount -t vfat -o ${ESP_OPTIONS} /dev/vda2 /boot`,
      'mount -t ext4 -o rw,noatime,nosuid,nodev /dev/vda5 /quantix',
      'mount -t ext4 -o rw,noatime,nosuid /dev/vda6 /data',
    ]);
  },
);

t.test(
  'a second time, and what is mounted already, is left alone',
  needs('busybox'),
  async (t) => {
    const host = makeHost(t, 'persist="/etc/ssh"\n');
    host.put('/proc/mounts', `/dev/vda2 ${host.dir}/boot vfat rw 0 0\n`);
    await host.run(SCRIPT);
    t.equal(mounts(host).length, 3);
    t.match(await host.run(SCRIPT), { status: 0, stderr: '' });
    t.equal(mounts(host).length, 3, 'none more');
  },
);

t.test(
  'a type that nobody can tell is left to the kernel',
  needs('busybox'),
  async (t) => {
    const host = makeHost(t);
    host.stub('blkid');
    t.match(await host.run(SCRIPT), { status: 0, stderr: '' });
    t.ok(mounts(host).includes('mount -o rw,noatime,nosuid /dev/vda6 /data'));
  },
);

t.test(
  'each folder that is to be kept gets a layer of its own',
  needs('busybox'),
  async (t) => {
    const host = makeHost(t, 'persist="/etc/ssh /var /var/log /root"\n');
    fs.mkdirSync(host.path('/root'), { mode: 0o700 });
    t.match(await host.run(SCRIPT), { status: 0, stderr: '' });
    const layers = mounts(host).slice(3);
    const layer = (folder: string, name: string): string =>
      `mount -t overlay -o lowerdir=${folder},upperdir=/data/overlay/${name}/upper,workdir=/data/overlay/${name}/work,${LAYER} overlay ${folder}`;
    t.same(layers, [
      layer('/etc/ssh', 'etc+ssh'),
      layer('/var', 'var'),
      layer('/var/log', 'var+log'),
      layer('/root', 'root'),
    ]);
    const mode = (place: string): number => fs.statSync(host.path(place)).mode & 0o777;
    t.equal(mode('/data/overlay/root/upper'), 0o700, 'a folder that was closed stays so');
  },
);

/** What is wrong, what is said, and what is mounted all the same. */
const TROUBLES: [string, (host: Appliance) => void, RegExp[], string[]][] = [
  [
    'no /data',
    (host) => fs.rmSync(host.path('/sys/class/block/vda6')),
    [
      /no partition is named QUANTIX-DATA/,
      /\/data is not mounted/,
      /without \/data nothing is kept of: \/etc\/ssh/,
    ],
    ['/boot', '/quantix'],
  ],
  [
    'a damaged /data',
    (host) => mountAs(host, 'case "$*" in *vda6*) exit 32;; esac'),
    [/\/data is not mounted: \/dev\/vda6 is damaged/, /nothing is kept of/],
    ['/boot', '/quantix'],
  ],
  [
    'no /quantix',
    (host) => fs.rmSync(host.path('/sys/class/block/vda5')),
    [/no partition is named QUANTIX-CFG/, /\/quantix is not mounted/],
    ['/boot', '/data', '/etc/ssh'],
  ],
  [
    'a damaged EFI system partition',
    (host) => mountAs(host, 'case "$*" in *vda2*) exit 32;; esac'),
    [/\/boot is not mounted: \/dev\/vda2 is damaged/],
    ['/quantix', '/data', '/etc/ssh'],
  ],
  [
    'nothing in front of QUANTIX-A',
    (host) => fs.rmSync(host.path(`${DISK}/vda2`), { recursive: true }),
    [/no partition stands before QUANTIX-A/, /\/boot is not mounted/],
    ['/quantix', '/data', '/etc/ssh'],
  ],
  [
    'QUANTIX-DATA twice',
    (host) => addPartition(host, 'sdb', 1, 'QUANTIX-DATA'),
    [/more than one partition is named QUANTIX-DATA/, /\/data is not mounted/],
    ['/boot', '/quantix'],
  ],
  [
    'a /data that is full or read-only',
    (host) => host.put('/data/overlay', 'in the way of the layers'),
    [/\/etc\/ssh is not kept: what is written there is gone after a reboot/],
    ['/boot', '/quantix', '/data'],
  ],
  [
    'a kernel without overlays',
    (host) => mountAs(host, 'case "$*" in *lowerdir*) exit 1;; esac'),
    [/\/etc\/ssh is not kept/],
    ['/boot', '/quantix', '/data'],
  ],
];

for (const [what, bringAbout, said, mounted] of TROUBLES) {
  t.test(`${what}: it is said, and the rest is mounted`, needs('busybox'), async (t) => {
    const host = makeHost(t, 'persist="/etc/ssh"\n');
    bringAbout(host);
    const { status, stderr } = await host.run(SCRIPT);
    t.equal(status, 1);
    for (const pattern of said) t.match(stderr, pattern);
    const lines = host.read('/proc/mounts').replaceAll(host.dir, '').split('\n');
    t.same(
      lines
        .slice(1)
        .map((line) => line.split(' ')[1])
        .filter(Boolean),
      mounted,
    );
    t.ok(
      host.called().some((call) => call.startsWith('logger')),
      'in the log as well',
    );
  });
}

t.test(
  'a folder that cannot be kept is named, the others are kept',
  needs('busybox'),
  async (t) => {
    const refused = [
      '/',
      '/data/x',
      '/boot',
      '/quantix/a',
      '/proc',
      '/dev/shm',
      '/run/x',
      '/sys',
    ];
    const odd = [
      'relative',
      '/etc/../proc',
      '/etc/..',
      '/etc//ssh',
      '/etc/',
      '/a:b',
      '/a,b',
      '/./a',
      '/etc/*',
    ];
    const host = makeHost(t, `persist="${[...refused, ...odd].join(' ')} /srv"\n`);
    const { status, stderr } = await host.run(SCRIPT);
    t.equal(status, 1);
    for (const folder of [...refused, ...odd])
      t.match(stderr, `persist: "${folder}" is no folder that can be kept\n`);
    t.equal(mounts(host).length, 4);
    t.match(mounts(host).at(-1), / overlay \/srv$/);
  },
);
