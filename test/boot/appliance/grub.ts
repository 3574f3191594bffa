import fs from 'node:fs';
import path from 'node:path';
import { must } from '../fat.ts';

/** As overlay/README.md asks for them. */
const MODULES = [
  ...['part_gpt', 'fat', 'ext2', 'squash4', 'normal', 'configfile', 'minicmd', 'test'],
  ...['regexp', 'loadenv', 'linux', 'boot', 'echo', 'true', 'sleep', 'reboot'],
  ...['serial', 'terminal'],
];
const PREFIX = '(,gpt2)/grub';
const BOOT_SECTOR = '/usr/lib/grub/i386-pc/boot.img';
const SECTOR = 512;

/** The program that UEFI starts: GRUB, whole, with everything that grub.cfg calls. */
export async function efiProgram(dir: string): Promise<Buffer> {
  return core(dir, 'x86_64-efi', 'all_video');
}

/**
 * What grub-bios-setup does, which wants a device: GRUB's first sector on the disk, before the partition table, and the
 * rest of it into the BIOS-boot partition at `offset`. Each says where the next one begins.
 */
export async function biosBoot(dir: string, disk: string, offset: number): Promise<void> {
  const rest = await core(dir, 'i386-pc', 'biosdisk');
  const first = fs.readFileSync(BOOT_SECTOR).subarray(0, 440);
  first.writeBigUInt64LE(BigInt(offset / SECTOR), 0x5c);
  rest.writeBigUInt64LE(BigInt(offset / SECTOR + 1), 0x1f4);
  const handle = fs.openSync(disk, 'r+');
  fs.writeSync(handle, first, 0, first.length, 0);
  fs.writeSync(handle, rest, 0, rest.length, offset);
  fs.closeSync(handle);
}

async function core(dir: string, format: string, more: string): Promise<Buffer> {
  const out = path.join(dir, `grub-${format}`);
  const words = ['--format', format, '--prefix', PREFIX, '--output', out];
  await must('grub-mkimage', [...words, ...MODULES, more]);
  const bytes = fs.readFileSync(out);
  fs.rmSync(out);
  return bytes;
}
