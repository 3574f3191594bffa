import { QxError, printable } from '../format/error.ts';
import { isOlderGrubCfg } from './older-system.ts';
import type { Findings } from './findings.ts';

/** The modules of GRUB that hold the commands of overlay/boot/grub/grub.cfg, and what it reads disks with. */
export const GRUB_MODULES = [
  ...['part_gpt', 'fat', 'ext2', 'squash4', 'normal', 'configfile', 'minicmd'],
  ...['test', 'regexp', 'loadenv', 'search', 'search_fs_uuid', 'linux', 'boot', 'echo'],
  ...['sleep', 'reboot', 'serial', 'terminal'],
];

/** What FAT's clusters may add to each of the files. */
const CLUSTER_BYTES = 32 * 1024;

/** GRUB reads the grub.cfg that is replaced, and has every command of ours. QxError `config` else, or where unknown. */
export function checkGrub({ efi, cores, modules }: Findings): void {
  const images = Object.entries(cores);
  if (efi && images.length === 0)
    throw new QxError('config', 'there is no GRUB that can be looked into', {
      where: 'the EFI system partition',
      expected: 'EFI/BOOT/BOOTX64.EFI, made by grub-install or grub-mkimage',
      found: 'none',
    });
  for (const [where, { folder }] of images)
    if (folder !== '/grub')
      throw new QxError(
        'config',
        'GRUB does not read the grub.cfg that is to be replaced',
        {
          where,
          expected: 'the folder /grub',
          found: folder === null ? 'a configuration of its own' : printable(folder),
        },
      );
  const inside = efi ? images.map(([where, core]) => [where, core.modules] as const) : [];
  for (const [where, own] of inside.length > 0 ? inside : [['BIOS', []] as const])
    checkModules(where, [...own, ...modules]);
}

function checkModules(where: string, present: readonly string[]): void {
  const missing = GRUB_MODULES.filter((name) => !present.includes(name));
  if (missing.length === 0) return;
  throw new QxError('config', 'GRUB lacks what our grub.cfg needs', {
    where,
    expected: 'modules inside, or in its folder with command.lst and fs.lst',
    found: `no ${missing.join(', no ')}`,
    hint: 'install GRUB with its modules first: grub-install --removable --boot-directory with the EFI system partition',
  });
}

/** The grub.cfg that is to be replaced. QxError `config` for one that nobody of us wrote, unless `force`. */
export function checkGrubCfg({ grubCfg }: Findings, force: boolean): Buffer {
  const where = '/boot/grub/grub.cfg';
  if (grubCfg === null)
    throw new QxError('config', 'there is no grub.cfg to take over from', {
      where,
      expected: "the older system's",
      found: 'nothing there',
    });
  const text = grubCfg.toString('utf8');
  if (isOlderGrubCfg(text) || force) return grubCfg;
  throw new QxError('config', "this grub.cfg is neither the older system's nor ours", {
    where,
    found: printable(text.split('\n', 1)[0], 80),
    hint: '--force sets it aside all the same; "adopt --undo" brings it back',
  });
}

/** The running slot is what its kernel is going to be loaded from. QxError `config`. */
export function checkSlot({ disk, hasKernel, uuids }: Findings, slot: 'A' | 'B'): string {
  const where = disk.slots[slot].device;
  const uuid = uuids[slot];
  if (uuid === null)
    throw new QxError('config', 'the running slot is not of the older layout', {
      where,
      expected: 'an ext4 file system',
      found: 'none',
    });
  if (hasKernel[slot] === false)
    throw new QxError('config', 'the running slot lacks its kernel', {
      where,
      expected: 'boot/vmlinuz and boot/initramfs',
      found: 'not both',
    });
  return uuid;
}

/** QxError `disk` where `files` would not find room beside what is there. */
export function checkRoom({ freeBytes }: Findings, files: readonly Buffer[]): void {
  const needed = files.reduce((sum, { length }) => sum + length + CLUSTER_BYTES, 0);
  if (freeBytes >= needed) return;
  throw new QxError('config', 'too little room on the EFI system partition', {
    where: '/boot',
    expected: `${needed} bytes`,
    found: `${freeBytes} bytes`,
    hint: 'nothing was changed',
  });
}
