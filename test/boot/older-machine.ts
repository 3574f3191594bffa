import fs from 'node:fs';
import path from 'node:path';
import type { Slot } from '../../client/boot/boot-state.ts';
import { UUIDS } from '../support/older-host.ts';
import { makeFat, must } from './fat.ts';
import { ENDING, MACHINE_PROGRAMS, newGrub } from './machine.ts';

export const OLDER_MACHINE_PROGRAMS = [...MACHINE_PROGRAMS, 'mke2fs'];

const SECTOR = 512;
const ESP = { start: 2048, size: 16384 };
const SLOT_SECTORS = 4096;
const SLOTS = { A: ESP.start + ESP.size, B: ESP.start + ESP.size + SLOT_SECTORS };

export interface OlderMachine {
  /** GRUB from its start to the kernel, with this folder as the EFI system partition: "linux …", "initrd …", "boot". */
  start(esp: string): Promise<string[]>;
  /** A file system in a slot, as an image brings it. */
  write(slot: Slot, uuid: string): Promise<void>;
}

/** A disk of the older layout: a FAT, and behind it two slots that hold ext4 file systems. */
export async function newOlderMachine(dir: string): Promise<OlderMachine> {
  fs.mkdirSync(dir, { recursive: true });
  fs.chmodSync(dir, 0o755);
  const disk = path.join(dir, 'disk.img');
  fs.writeFileSync(disk, '');
  fs.truncateSync(disk, 16 * 1024 * 1024);
  const table = [
    'label: gpt',
    `start=${ESP.start}, size=${ESP.size}, type=uefi, name=EFI`,
    `start=${SLOTS.A}, size=${SLOT_SECTORS}, type=linux, name=QUANTIX-A`,
    `start=${SLOTS.B}, size=${SLOT_SECTORS}, type=linux, name=QUANTIX-B`,
  ];
  await must('sfdisk', ['--quiet', disk], table.join('\n'));
  const write = async (slot: Slot, uuid: string): Promise<void> => {
    const place = ['-E', `offset=${SLOTS[slot] * SECTOR}`, disk, `${SLOT_SECTORS / 2}k`];
    const names = ['-L', `QUANTIX-${slot}`, '-U', uuid];
    await must('mke2fs', ['-q', '-F', '-t', 'ext4', ...names, ...place]);
  };
  await write('A', UUIDS.A);
  await write('B', UUIDS.B);
  const runGrub = await newGrub(dir, disk, STUBS + ENDING);
  const start = async (esp: string): Promise<string[]> => {
    const offset = ESP.start * SECTOR;
    await makeFat(dir, disk, ESP.size, offset, '::/grub', contentsOf(esp));
    const calls = await runGrub([]);
    await readBack(disk, offset, esp);
    return calls;
  };
  return { start, write };
}

/** Files of GRUB's folder; its modules are inside grub-emu. */
function contentsOf(esp: string): Record<string, Buffer> {
  const folder = path.join(esp, 'grub');
  const entries = fs.readdirSync(folder, { withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  return Object.fromEntries(
    files.map((name) => [name, fs.readFileSync(path.join(folder, name))]),
  );
}

async function readBack(disk: string, offset: number, esp: string): Promise<void> {
  for (const name of ['boot-0.env', 'boot-1.env']) {
    const file = path.join(esp, 'grub', name);
    if (!fs.existsSync(file)) continue;
    await must('mcopy', [
      '-n',
      '-o',
      '-i',
      `${disk}@@${offset}`,
      `::/grub/${name}`,
      file,
    ]);
  }
}

/**
 * The older grub.cfg ends its entries with initrd and lets GRUB boot what is loaded, which grub-emu cannot;
 * ours calls hand_over. A variable of ours tells which of them runs.
 */
const STUBS = `
function linux {
  note linux "$@"
}
function initrd {
  note initrd "$@"
  if [ -z "$partition_a" ]; then
    note boot
    exit
  fi
}
set prefix=(hd0,gpt1)/grub
source $prefix/grub.cfg
set timeout_style=menu
set timeout=0
`;
