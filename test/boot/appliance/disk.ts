import fs from 'node:fs';
import path from 'node:path';
import type { BootState, Slot } from '../../../client/boot/boot-state.ts';
import { COPIES, newCopies } from '../../../client/boot/grub-environment.ts';
import { addToFat, type Contents, makeFat, must } from '../fat.ts';
import { GRUB_CFG } from '../machine.ts';
import { biosBoot, efiProgram } from './grub.ts';

export const MIB = 1024 * 1024;

/** Where the partitions lie, in MiB. They are files with holes: what nobody writes takes no room. */
const PARTITIONS = [
  { name: 'BIOSBOOT', type: '21686148-6449-6E6F-744E-656564454649', size: 1 },
  { name: 'EFI', type: 'uefi', size: 20 },
  { name: 'QUANTIX-A', type: 'linux', size: 128 },
  { name: 'QUANTIX-B', type: 'linux', size: 128 },
  { name: 'QUANTIX-CFG', type: 'linux', size: 16 },
  { name: 'QUANTIX-DATA', type: 'linux', size: 192 },
] as const;

export type PartitionName = (typeof PARTITIONS)[number]['name'];

/** Bytes from the start of the disk, and how many. */
export function partition(name: PartitionName): { offset: number; bytes: number } {
  let start = 1;
  for (const each of PARTITIONS) {
    if (each.name === name) return { offset: start * MIB, bytes: each.size * MIB };
    start += each.size;
  }
  throw new Error(`no partition ${name}`);
}

export interface DiskWish {
  state: BootState;
  /** The images that the slots hold. */
  slots: Partial<Record<Slot, string>>;
  /** Files of /quantix: "update.toml". */
  config?: Contents;
}

/** The disk of an appliance as its builder makes it, for BIOS and UEFI, in a file of the folder. */
export async function makeDisk(dir: string, wish: DiskWish): Promise<string> {
  const disk = path.join(dir, 'disk.img');
  await partitionDisk(disk);
  await fillEsp(dir, disk, wish.state);
  await biosBoot(dir, disk, partition('BIOSBOOT').offset);
  for (const [slot, image] of Object.entries(wish.slots))
    await writeSlot(disk, slot as Slot, image);
  await makeExt4(dir, disk, 'QUANTIX-CFG', wish.config ?? {});
  await makeExt4(dir, disk, 'QUANTIX-DATA', {});
  return disk;
}

async function partitionDisk(disk: string): Promise<void> {
  const { offset, bytes } = partition('QUANTIX-DATA');
  fs.writeFileSync(disk, '');
  fs.truncateSync(disk, offset + bytes + MIB);
  const lines = PARTITIONS.map(
    ({ name, type, size }) =>
      `start=${partition(name).offset / MIB}MiB, size=${size}MiB, type=${type}, name=${name}`,
  );
  await must('sfdisk', ['--quiet', disk], ['label: gpt', ...lines].join('\n'));
}

/** Both boot loaders on one disk: whichever firmware starts it finds its own. */
async function fillEsp(dir: string, disk: string, state: BootState): Promise<void> {
  const { offset, bytes } = partition('EFI');
  const copies = newCopies(state);
  await makeFat(dir, disk, bytes / 512, offset, '::/grub', {
    [COPIES[0]]: copies[0],
    'grub.cfg': quickGrubCfg(),
    [COPIES[1]]: copies[1],
  });
  const efi = { 'BOOTX64.EFI': await efiProgram(dir) };
  await must('mmd', ['-i', `${disk}@@${offset}`, '::/EFI', '::/EFI/BOOT']);
  await addToFat(dir, disk, offset, '::/EFI/BOOT', efi);
}

/** The real file, with its two settings for image builders and its pause before a restart such that nobody has to wait. */
function quickGrubCfg(): string {
  const real = fs.readFileSync(GRUB_CFG, 'utf8');
  const quick = real
    .replace(/^set seconds=3$/m, 'set seconds=0')
    .replace(/^  sleep 3$/m, '  sleep 1')
    .replace(/^(set arguments=".*)panic=10/m, '$1panic=1');
  if (![/^set seconds=0$/m, /^  sleep 1$/m, /panic=1 /].every((each) => each.test(quick)))
    throw new Error(`${GRUB_CFG}: its settings are not where they were`);
  return quick;
}

/** From outside, while the appliance is off. What the image is shorter than the slot stays as it was. */
export async function writeSlot(disk: string, slot: Slot, image: string): Promise<void> {
  await copyInto(disk, image, partition(`QUANTIX-${slot}`).offset);
}

async function copyInto(disk: string, file: string, offset: number): Promise<void> {
  const where = [`of=${disk}`, `seek=${offset / MIB}`, 'bs=1M'];
  await must('dd', [`if=${file}`, ...where, 'conv=notrunc,sparse', 'status=none']);
}

async function makeExt4(
  dir: string,
  disk: string,
  name: PartitionName,
  contents: Contents,
): Promise<void> {
  const folder = path.join(dir, name);
  fs.mkdirSync(folder, { recursive: true });
  for (const [file, content] of Object.entries(contents))
    fs.writeFileSync(path.join(folder, file), content);
  const image = `${folder}.img`;
  fs.writeFileSync(image, '');
  fs.truncateSync(image, partition(name).bytes);
  const options = ['-q', '-F', '-t', 'ext4', '-E', 'root_owner=0:0', '-d', folder];
  await must('mke2fs', [...options, image]);
  await copyInto(disk, image, partition(name).offset);
  for (const waste of [folder, image]) fs.rmSync(waste, { recursive: true });
}
