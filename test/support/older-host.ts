import fs from 'node:fs';
import path from 'node:path';
import type { Slot } from '../../client/boot/boot-state.ts';
import { grubImage } from './grub-image.ts';
import { ROOT } from './setup.mjs';
import { ext4 } from './slot-image.ts';

/** What the build puts into the program; sources that run as they are find it here. */
export const OWN_GRUB_CFG = fs.readFileSync(
  path.join(ROOT, 'overlay/boot/grub/grub.cfg'),
  'utf8',
);
Object.assign(globalThis, { QX_BUILD_GRUB_CFG: OWN_GRUB_CFG });

export const UUIDS: Readonly<Record<Slot, string>> = {
  A: '0a0a0a0a-1111-4111-8111-0123456789ab',
  B: '0b0b0b0b-2222-4222-8222-0123456789ab',
};

/** As the older system's installer writes it. */
export const OLDER_GRUB_CFG = `# Quantix-OS GRUB Configuration
# Version: 0.9.4

set timeout=5
set default=0

insmod all_video
insmod gfxterm
insmod part_gpt
insmod ext2
insmod xfs

set gfxmode=auto
terminal_output gfxterm

menuentry "Quantix-OS v0.9.4" --id quantix {
    echo "Loading Quantix-OS v0.9.4..."
    search --label --set=root QUANTIX-A
    linux /boot/vmlinuz root=LABEL=QUANTIX-A ro quiet
    initrd /boot/initramfs
}

menuentry "Quantix-OS v0.9.4 (System B)" --id quantix-b {
    echo "Loading Quantix-OS from System B..."
    search --label --set=root QUANTIX-B
    linux /boot/vmlinuz root=LABEL=QUANTIX-B ro quiet
    initrd /boot/initramfs
}

menuentry "Quantix-OS v0.9.4 (Recovery Shell)" --id recovery {
    search --label --set=root QUANTIX-A
    linux /boot/vmlinuz root=LABEL=QUANTIX-A ro init=/bin/sh
    initrd /boot/initramfs
}
`;

/** The module folder of a GRUB that grub-install put there. */
const MODULES = (
  'part_gpt fat ext2 squash4 normal configfile minicmd test regexp loadenv search search_fs_uuid ' +
  'search_label linux boot echo sleep reboot serial terminal true'
).split(' ');

export const OLDER_COMMAND_LINE =
  'BOOT_IMAGE=/boot/vmlinuz root=LABEL=QUANTIX-A ro quiet\n';

/** Where the EFI system partition is before anybody mounts it. */
export const ESP = 'esp';

/**
 * A host of the older layout whose "/" is `dir`: slot A runs, and the files of the EFI system partition lie in
 * `dir`/boot as if it were mounted there; with `mounted: false` in `dir`/esp.
 */
export function makeOlderHost(dir: string, { mounted = true } = {}): void {
  const put = (name: string, content: string | Buffer = ''): void => {
    const place = path.join(dir, name);
    fs.mkdirSync(path.dirname(place), { recursive: true });
    fs.writeFileSync(place, content);
  };
  const names = ['EFI', 'QUANTIX-A', 'QUANTIX-B', 'QUANTIX-CFG', 'QUANTIX-DATA'];
  names.forEach((name, index) => putPartition(dir, `vda${index + 1}`, index + 1, name));
  put('dev/vda2', fileSystem(UUIDS.A));
  put('dev/vda3', fileSystem(UUIDS.B));
  put('proc/cmdline', OLDER_COMMAND_LINE);
  const boot = mounted ? '/dev/vda1 /boot vfat rw,noatime 0 0\n' : '';
  put(
    'proc/mounts',
    `overlay / overlay rw 0 0\n/dev/vda2 /mnt/system ext4 ro,relatime 0 0\n${boot}`,
  );
  fs.mkdirSync(path.join(dir, 'sys/firmware/efi'), { recursive: true });
  for (const name of ['vmlinuz', 'initramfs']) put(`mnt/system/boot/${name}`, name);
  const esp = mounted ? 'boot' : ESP;
  fs.mkdirSync(path.join(dir, 'boot'), { recursive: true });
  put(`${esp}/grub/grub.cfg`, OLDER_GRUB_CFG);
  put(`${esp}/EFI/BOOT/BOOTX64.EFI`, grubImage({ prefix: '/grub' }));
  put(`${esp}/EFI/quantix/grub.cfg`, OLDER_GRUB_CFG);
  const modules = [...MODULES.map((name) => `${name}.mod`), 'command.lst', 'fs.lst'];
  for (const name of modules) put(`${esp}/grub/x86_64-efi/${name}`, name);
}

/** The start of an ext4 with this UUID, as much as is looked at. */
export function fileSystem(uuid: string): Buffer {
  return ext4((superblock) => {
    superblock.write(uuid.replaceAll('-', ''), 104, 'hex');
  });
}

export function putPartition(
  dir: string,
  device: string,
  number: number,
  name: string,
): void {
  const disk = path.join(dir, 'sys/devices', device.replace(/\d+$/, ''));
  const folder = path.join(disk, device);
  fs.mkdirSync(folder, { recursive: true });
  const lines = [
    `DEVNAME=${device}`,
    'DEVTYPE=partition',
    `PARTN=${number}`,
    `PARTNAME=${name}`,
  ];
  fs.writeFileSync(path.join(folder, 'uevent'), `${lines.join('\n')}\n`);
  const all = path.join(dir, 'sys/class/block');
  fs.mkdirSync(all, { recursive: true });
  const relative = path.relative(all, folder);
  fs.rmSync(path.join(all, device), { force: true });
  fs.symlinkSync(relative, path.join(all, device));
}
