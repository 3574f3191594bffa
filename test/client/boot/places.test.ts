import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { parseBooted } from '../../../client/boot/booted.ts';
import {
  type Partition,
  findBootDisk,
  readPartitions,
} from '../../../client/boot/partitions.ts';
import { nodeFiles } from '../../../client/effects/files.ts';
import { refusal } from '../../support/refusal.ts';

function part(disk: string, number: number, name: string): Partition {
  return {
    device: `/dev/${disk}${number}`,
    disk,
    number,
    name,
    bytes: 0,
    readOnly: false,
  };
}

const DISK = [
  part('sda', 1, ''),
  part('sda', 2, 'EFI'),
  part('sda', 3, 'QUANTIX-A'),
  part('sda', 4, 'QUANTIX-B'),
  part('sda', 5, 'QUANTIX-DATA'),
];

t.test('partitions are read from what the kernel says', async (t) => {
  const root = t.testdir();
  const devices = 'sys/devices/pci0';
  const put = (place: string, uevent: string[]): void => {
    const folder = path.join(root, devices, place);
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, 'uevent'), `${uevent.join('\n')}\n`);
    fs.mkdirSync(path.join(root, 'sys/class/block'), { recursive: true });
    fs.symlinkSync(folder, path.join(root, 'sys/class/block', path.basename(place)));
  };
  put('nvme0n1', ['MAJOR=259', 'DEVNAME=nvme0n1', 'DEVTYPE=disk']);
  put('nvme0n1/nvme0n1p1', ['DEVNAME=nvme0n1p1', 'DEVTYPE=partition', 'PARTN=1']);
  put('nvme0n1/nvme0n1p2', [
    ...['DEVNAME=nvme0n1p2', 'DEVTYPE=partition', 'PARTN=2', 'PARTNAME=QUANTIX-A'],
  ]);
  fs.writeFileSync(path.join(root, devices, 'nvme0n1/nvme0n1p2/size'), '9\n');
  fs.writeFileSync(path.join(root, devices, 'nvme0n1/nvme0n1p2/ro'), '1\n');
  t.same(await readPartitions(nodeFiles(), root), [
    {
      device: '/dev/nvme0n1p1',
      disk: 'nvme0n1',
      number: 1,
      name: '',
      bytes: 0,
      readOnly: false,
    },
    {
      device: '/dev/nvme0n1p2',
      disk: 'nvme0n1',
      number: 2,
      name: 'QUANTIX-A',
      bytes: 512 * 9,
      readOnly: true,
    },
  ]);
  t.same(await readPartitions(nodeFiles(), `${root}/nowhere`), []);
});

t.test('the EFI system partition stands before both slots', (t) => {
  const { esp, slots } = findBootDisk(DISK);
  t.same(
    [esp.device, slots.A.device, slots.B.device],
    ['/dev/sda2', '/dev/sda3', '/dev/sda4'],
  );
  const older = [
    part('vda', 1, 'EFI'),
    part('vda', 2, 'QUANTIX-A'),
    part('vda', 3, 'QUANTIX-B'),
  ];
  t.equal(findBootDisk(older).esp.device, '/dev/vda1', 'a disk of the older layout');
  t.end();
});

t.test('what is unknown or ambiguous is refused, never guessed', (t) => {
  const rows: [why: string, partitions: Partition[], says: RegExp][] = [
    ['no slots', [], /one partition has to be called QUANTIX-A/],
    ['no B', DISK.filter(({ number }) => number !== 4), /called QUANTIX-B/],
    [
      'A twice, on another disk',
      [...DISK, part('sdb', 3, 'QUANTIX-A')],
      /called QUANTIX-A/,
    ],
    [
      'B on another disk',
      [...DISK.slice(0, 3), part('sdb', 4, 'QUANTIX-B')],
      /do not lie/,
    ],
    ['nothing before A', DISK.slice(2), /do not lie/],
    [
      'B before A',
      [part('sda', 2, ''), part('sda', 3, 'QUANTIX-B'), part('sda', 4, 'QUANTIX-A')],
      /do not lie/,
    ],
    ['a gap', [...DISK.slice(0, 3), part('sda', 6, 'QUANTIX-B')], /do not lie/],
  ];
  for (const [why, partitions, says] of rows) {
    const error = refusal(() => findBootDisk(partitions));
    t.match(error, { code: 'config', message: says }, why);
  }
  t.end();
});

t.test('the kernel command line names the booted slot and the reason', (t) => {
  const line =
    'BOOT_IMAGE=x root=PARTLABEL=QUANTIX-B quantix.slot=B quantix.reason=trial ro\n';
  t.same(parseBooted(line), { slot: 'B', reason: 'trial' });
  t.same(parseBooted('quantix.slot=A quantix.reason=newer'), { slot: 'A', reason: null });
  t.same(parseBooted('quantix.slot=A'), { slot: 'A', reason: null });
  for (const bad of ['', 'ro quiet', 'quantix.slot=', 'quantix.slot=C', 'quantix.slot=a'])
    t.equal(refusal(() => parseBooted(bad)).code, 'config', bad);
  for (const twice of ['A quantix.slot=B', 'A quantix.slot=A'])
    t.equal(refusal(() => parseBooted(`quantix.slot=${twice}`)).code, 'config', twice);
  t.end();
});
