import fs from 'node:fs';
import t from 'tap';
import { needs } from '../support/needs.ts';
import { slotImage } from './appliance/images.ts';
import { olderDisk } from './appliance/older.ts';
import { newPublisher } from './appliance/publisher.ts';
import { type Appliance, APPLIANCE_PROGRAMS, powerOn } from './appliance/qemu.ts';
import {
  choice,
  environmentOf,
  markedGood,
  runInBackground,
  slotsOf,
} from './appliance/scenario.ts';

const programs = needs(...APPLIANCE_PROGRAMS, 'nginx', 'minisign');
t.setTimeout(1_150_000);

const OLDER_LINE = 'BOOT_IMAGE=/boot/vmlinuz root=LABEL=QUANTIX-A ro quiet\n';
const ADOPTED_LINE =
  / root=LABEL=QUANTIX-A ro quiet panic=10 quantix\.slot=A quantix\.reason=proven\n$/;
const SECONDS = 180;

t.test(
  'a host of the older layout is adopted, goes back, is adopted again, and is updated',
  programs,
  async (t) => {
    const publisher = await newPublisher(t);
    const disk = await olderDisk(t, t.testdir(), publisher.config);
    const machine = await powerOn(t, disk, { firmware: 'uefi' });
    t.equal(await commandLine(machine), OLDER_LINE);
    const older = await filesOfEsp(machine);

    await publisher.publish(
      '1.0.0',
      '--image',
      await slotImage({ layout: 'A', version: '1.0.0' }),
    );
    const early = await machine.run('qx-update run', SECONDS);
    t.match(early, { status: 78, output: /call "qx-update adopt"/ });
    t.match(await machine.ok('qx-update adopt --dry-run'), /nothing was changed\n$/);
    t.equal(await filesOfEsp(machine), older, 'and nothing was');
    t.match(await machine.ok('qx-update adopt'), /QUANTIX-A boots as before/);

    await machine.ok('reboot');
    t.equal(await choice(machine), 'A proven');
    t.match(await commandLine(machine), ADOPTED_LINE);
    t.match(
      await machine.ok('qx-update adopt --undo'),
      /as the older system laid it out/,
    );
    await machine.ok('reboot');
    t.equal(await otherCommandLine(machine), OLDER_LINE);
    t.equal(await filesOfEsp(machine), older, 'byte for byte');

    await machine.ok('qx-update adopt');
    await machine.ok('reboot');
    t.equal(await choice(machine), 'A proven');
    await machine.ok('until [ -d /data/updates ]; do sleep 1; done', SECONDS);
    await runInBackground(machine, 'qx-update run');
    t.equal(await choice(machine), 'B trial');
    t.equal(await markedGood(machine), 'B');
    t.match(await slotsOf(machine), {
      booted: 'B',
      a: { state: 'good', version: '0.9.4' },
      b: { state: 'good', version: '1.0.0' },
    });
    t.match(await machine.run('qx-update adopt --undo'), {
      status: 78,
      output: /another system was written/,
    });
    await machine.cutPower();
    t.match(await environmentOf(disk), { next: 'B', a: 'good-7', b: 'good-8' });
    t.equal(new Set(sectorsOfCopies(disk)).size, 2, 'one sector would be torn as one');
  },
);

function commandLine(machine: Appliance, seconds?: number): Promise<string> {
  return machine.ok('cat /proc/cmdline', seconds);
}

/** Of the boot that follows, by a boot loader that says nothing on the serial port. */
async function otherCommandLine(machine: Appliance): Promise<string> {
  for (const until = Date.now() + SECONDS * 1000; Date.now() < until;) {
    const line = await commandLine(machine, 5).catch(() => '');
    if (line !== '' && !line.includes('quantix.slot=')) return line;
  }
  throw new Error('the machine does not come back as the older system');
}

/** What lies on the EFI system partition, which nobody has mounted: names and digests. */
function filesOfEsp(machine: Appliance): Promise<string> {
  const look = 'cd /mnt && find . -type f -exec sha256sum {} + | sort';
  return machine.ok(
    `esp=$(blkid -t PARTLABEL=EFI -o device); mkdir -p /mnt; mount -t vfat -o ro "$esp" /mnt && (${look}); umount /mnt`,
  );
}

/** The sectors of 4 KiB in which copies of the environment begin. */
function sectorsOfCopies(disk: string): number[] {
  const image = fs.readFileSync(disk);
  const found: number[] = [];
  const start = '# GRUB Environment Block\nqx_generation=';
  for (let at = image.indexOf(start); at >= 0; at = image.indexOf(start, at + 1))
    found.push(Math.floor(at / 4096));
  return found;
}
