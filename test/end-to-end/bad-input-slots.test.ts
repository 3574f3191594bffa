import fs from 'node:fs';
import t from 'tap';
import { sha256 } from '../support/forge.ts';
import type { Host } from '../support/sandbox.ts';
import { about, ext4, squashfs } from '../support/slot-image.ts';
import {
  devicePath,
  FRESH,
  publishImage,
  readBootState,
  SLOT_BYTES,
  slotHost,
  systemImage,
  writeBootState,
} from '../support/slot-host.ts';

/** System images and hosts with one fault each: what is said, and what must be as it was. */
interface Row {
  name: string;
  image?: Buffer;
  full?: Parameters<typeof publishImage>[1]['fullImage'];
  host?: (host: Host) => void | Promise<void>;
  exit: number;
  error: RegExp;
  found?: RegExp;
  /** The other slot was being written when it showed: it holds no image any more. */
  begun?: true;
}

const SAYS = { layout: 'A', arch: 'x86_64', compatible: 'quantix-os', version: '1.0.0' };
const GOOD = systemImage('1.0.0');

const ROWS: Row[] = [
  {
    name: 'an image that is larger than its slot',
    image: systemImage('1.0.0', SLOT_BYTES),
    exit: 31,
    error: /does not fit into its slot/,
    found: /\d+ bytes/,
  },
  {
    name: 'an image that is smaller than promised',
    full: { content: { sha256: '0'.repeat(64), size: GOOD.length + 4096 } },
    exit: 21,
    error: /image is not what the manifest says/,
    begun: true,
  },
  {
    name: 'an image with another digest',
    full: { content: { sha256: '0'.repeat(64), size: GOOD.length } },
    exit: 21,
    error: /image is not what the manifest says/,
    begun: true,
  },
  {
    name: 'an image that is larger than promised',
    full: { content: { sha256: '0'.repeat(64), size: GOOD.length - 4096 } },
    exit: 21,
    error: /another length/,
    begun: true,
  },
  {
    name: 'an image for another architecture',
    image: systemImage('1.0.0', 9000, { arch: 'aarch64' }),
    exit: 25,
    error: /another architecture/,
    found: /aarch64/,
    begun: true,
  },
  {
    name: 'an image for another kind of machine',
    image: systemImage('1.0.0', 9000, { compatible: 'toaster' }),
    exit: 25,
    error: /another kind of machine/,
    found: /toaster/,
    begun: true,
  },
  {
    name: 'an image that says what it is in a newer way',
    image: Buffer.concat([squashfs(), about(SAYS, 'QUANTIX-IMAGE 2')]),
    exit: 24,
    error: /in another form/,
    begun: true,
  },
  {
    name: 'neither a squashfs nor an ext4',
    image: Buffer.alloc(8192, 'x'),
    exit: 23,
    error: /neither a squashfs nor an ext4/,
  },
  {
    name: 'a squashfs that GRUB cannot read',
    image: Buffer.concat([squashfs((head) => head.writeUInt16LE(6, 20)), about(SAYS)]),
    exit: 23,
    error: /GRUB cannot read/,
    found: /zstd/,
  },
  {
    name: 'an ext4 with a journal',
    image: Buffer.concat([
      ext4((superblock) => superblock.writeUInt32LE(4, 92)),
      about({ ...SAYS, layout: 'B' }),
    ]),
    exit: 23,
    error: /with a journal/,
  },
  {
    name: 'an unknown compression',
    full: {
      sources: [{ type: 'full', encoding: 'zstd', sha256: '0'.repeat(64), size: 9 }],
    },
    exit: 24,
    error: /no source that this version can read/,
    found: /zstd/,
  },
  {
    name: 'an image without any source',
    full: { sources: [] },
    exit: 24,
    error: /system image: no source/,
  },
  {
    name: 'a slot whose device is missing',
    host: (host) => fs.rmSync(devicePath(host.dir, 'B')),
    exit: 31,
    error: /no such file/,
  },
  {
    name: 'a slot that is read-only',
    host: (host) => fs.writeFileSync(host.path('/sys/devices/pci0/sda/sda3/ro'), '1\n'),
    exit: 31,
    error: /the slot cannot be written to/,
    found: /read-only/,
  },
  {
    name: 'a slot that is not there in the partition table',
    host: (host) => fs.rmSync(host.path('/sys/class/block/sda3')),
    exit: 78,
    error: /one partition has to be called QUANTIX-B/,
    found: /none/,
  },
  {
    name: 'two partitions with the name of the other slot',
    host: (host) => rename(host, 4, 'QUANTIX-B'),
    exit: 78,
    error: /one partition has to be called QUANTIX-B/,
    found: /sda3, \/dev\/sda4/,
  },
  {
    name: 'two partitions with the name of the booted slot',
    host: (host) => rename(host, 4, 'QUANTIX-A'),
    exit: 78,
    error: /one partition has to be called QUANTIX-A/,
  },
  {
    name: 'a kernel command line without the slot',
    host: (host) => fs.writeFileSync(host.path('/proc/cmdline'), 'root=/dev/sda2 ro\n'),
    exit: 78,
    error: /boots as the older system laid it out/,
  },
  {
    name: 'a kernel command line with both slots',
    host: (host) =>
      fs.writeFileSync(host.path('/proc/cmdline'), 'quantix.slot=A quantix.slot=B\n'),
    exit: 78,
    error: /booted slot is not known/,
    found: /A, B/,
  },
  {
    name: 'a host that was not adopted: no boot environment',
    host: (host) => fs.rmSync(host.path('/boot/grub'), { recursive: true }),
    exit: 78,
    error: /no boot environment/,
  },
  {
    name: 'a running system that is not good itself',
    host: (host) =>
      writeBootState(host.dir, {
        ...FRESH,
        slots: { ...FRESH.slots, A: { kind: 'trial', triesLeft: 2 } },
      }),
    exit: 75,
    error: /not marked good yet/,
  },
  {
    name: 'a host of the vDC profile, which has no slots',
    host: (host) => host.configure({ profile: 'quantix-vdc' }),
    exit: 78,
    error: /system image, which this host cannot install/,
  },
];

function rename(host: Host, number: number, name: string): void {
  const file = host.path(`/sys/devices/pci0/sda/sda${number}/uevent`);
  const text = fs.readFileSync(file, 'utf8').replace(/PARTNAME=.*/, `PARTNAME=${name}`);
  fs.writeFileSync(file, text);
}

async function environment(host: Host): Promise<unknown> {
  return fs.existsSync(host.path('/boot/grub')) ? readBootState(host.dir) : null;
}

for (const row of ROWS) {
  t.test(row.name, async (t) => {
    const { forge, host } = slotHost(t.testdir());
    const { image = GOOD, full = {} } = row;
    publishImage(forge, { version: '1.0.0', serial: 1, image, fullImage: full });
    await row.host?.(host);
    const before = await environment(host);
    const holds = (slot: 'A' | 'B'): string | null =>
      fs.existsSync(devicePath(host.dir, slot))
        ? sha256(fs.readFileSync(devicePath(host.dir, slot)))
        : null;
    const [running, other] = [holds('A'), holds('B')];

    const { status, stderr } = await host.run(['apply']);
    t.equal(status, row.exit, stderr);
    t.match(stderr, row.error);
    if (row.found !== undefined)
      t.match(/found {5}(.*)/.exec(stderr)?.[1] ?? '', row.found);
    t.equal(holds('A'), running, 'the booted slot');
    if (row.begun === true) {
      t.match(await environment(host), { next: 'A', slots: { B: { kind: 'none' } } });
    } else {
      t.equal(holds('B'), other, 'the other slot');
      t.same(await environment(host), before, 'the environment');
    }
    t.equal(fs.existsSync(host.path('/data/components/current')), false);
  });
}
