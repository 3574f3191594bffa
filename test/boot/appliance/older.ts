import fs from 'node:fs';
import path from 'node:path';
import { OLDER_GRUB_CFG, UUIDS } from '../../support/older-host.ts';
import { type Contents, must } from '../fat.ts';
import { partition, writeSlot } from './disk.ts';
import { slotImage } from './images.ts';
import type { Owner } from './qemu.ts';
import { newDisk, NONE } from './scenario.ts';

const GRUB_FOLDER = '/usr/lib/grub/x86_64-efi';

/** The first program of the older initramfs, in short: it knows the label of a file system, and nothing else. */
const OLDER_INIT = `#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /mnt/system /mnt/squashfs /mnt/tmpfs /mnt/merged
while read -r module; do modprobe "$module"; done </etc/quantix-modules
label=QUANTIX-A
for word in $(cat /proc/cmdline); do
	case $word in root=LABEL=*) label=\${word#root=LABEL=} ;; esac
done
until device=$(findfs "LABEL=$label"); do sleep 1; done
mount -t ext4 -o ro "$device" /mnt/system
mount -t squashfs -o ro,loop /mnt/system/quantix/system.squashfs /mnt/squashfs
mount -t tmpfs tmpfs /mnt/tmpfs
mkdir /mnt/tmpfs/upper /mnt/tmpfs/work
mount -t overlay -o lowerdir=/mnt/squashfs,upperdir=/mnt/tmpfs/upper,workdir=/mnt/tmpfs/work overlay /mnt/merged
mkdir -p /mnt/merged/mnt/system
mount -o move /mnt/system /mnt/merged/mnt/system
for folder in dev proc sys; do mount -o move "/$folder" "/mnt/merged/$folder"; done
exec switch_root /mnt/merged /sbin/init
`;

/** The older system mounts two partitions, not the EFI system partition, and nothing in it marks anything good. */
const OLDER_SCRIPTS = {
  'usr/lib/quantix-update/overlay-mounts': `#!/bin/sh
for pair in QUANTIX-CFG:/quantix QUANTIX-DATA:/data; do
	entry=$(grep -lxF "PARTNAME=\${pair%:*}" /sys/class/block/*/uevent)
	mount -t ext4 "/dev/$(sed -n 's/^DEVNAME=//p' "$entry")" "\${pair#*:}"
done
`,
  'usr/lib/quantix-update/update-verify': '#!/bin/sh\n',
};

/** The disk of a host that the older system laid out for UEFI: files in slot A, nothing in slot B. */
export async function olderDisk(
  t: Owner,
  dir: string,
  config: Contents,
): Promise<string> {
  const state = { next: 'A', slots: { A: NONE, B: NONE } } as const;
  const disk = await newDisk(t, { state, slots: {}, config });
  await writeSlot(disk, 'A', await olderSlot(dir));
  await olderEsp(dir, disk);
  return disk;
}

/** An ext4 with a journal and a label, filled with files, as the older installer leaves slot A. */
async function olderSlot(dir: string): Promise<string> {
  const wish = { init: OLDER_INIT, scripts: OLDER_SCRIPTS };
  const image = await slotImage({ layout: 'B', version: '0.9.4', ...wish });
  const [files, slot] = [path.join(dir, 'older'), path.join(dir, 'older.img')];
  fs.mkdirSync(files);
  await must('debugfs', ['-R', `rdump / ${files}`, image]);
  fs.writeFileSync(slot, '');
  fs.truncateSync(slot, partition('QUANTIX-A').bytes);
  const names = ['-L', 'QUANTIX-A', '-U', UUIDS.A];
  await must('mke2fs', ['-q', '-F', '-t', 'ext4', ...names, '-d', files, slot]);
  return slot;
}

/** What grub-install leaves: a small program that finds its modules in a folder. Clusters as small as they get. */
async function olderEsp(dir: string, disk: string): Promise<void> {
  const { offset, bytes } = partition('EFI');
  const place = ['-i', `${disk}@@${offset}`];
  await must('mformat', [...place, '-T', `${bytes / 512}`, '-c', '1', '::']);
  const core = path.join(dir, 'core.efi');
  const words = ['-O', 'x86_64-efi', '-p', '/grub', '-o', core];
  await must('grub-mkimage', [...words, 'part_gpt', 'fat']);
  const [grub, efi] = [path.join(dir, 'grub'), path.join(dir, 'EFI')];
  for (const folder of [path.join(efi, 'BOOT'), path.join(grub, 'x86_64-efi')])
    fs.mkdirSync(folder, { recursive: true });
  for (const name of fs.readdirSync(GRUB_FOLDER)) {
    if (!/\.(mod|lst)$/.test(name)) continue;
    fs.copyFileSync(path.join(GRUB_FOLDER, name), path.join(grub, 'x86_64-efi', name));
  }
  fs.copyFileSync(core, path.join(efi, 'BOOT/BOOTX64.EFI'));
  const grubCfg = OLDER_GRUB_CFG.replace('set timeout=5', 'set timeout=1');
  fs.writeFileSync(path.join(grub, 'grub.cfg'), grubCfg);
  await must('mcopy', ['-s', ...place, grub, efi, '::/']);
}
