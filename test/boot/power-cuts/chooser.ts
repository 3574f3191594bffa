import fs from 'node:fs';
import path from 'node:path';
import type { Slot } from '../../../client/boot/boot-state.ts';
import { ENDING, newGrub, STUBS } from '../machine.ts';

/** The slot that GRUB boots from a disk as the appliance has it, whose first `bytes` hold GRUB's folder. */
export async function newChooser(
  dir: string,
  bytes: number,
): Promise<(disk: string) => Promise<Slot | null>> {
  fs.mkdirSync(dir, { recursive: true });
  fs.chmodSync(dir, 0o755);
  const copy = path.join(dir, 'disk.img');
  const runGrub = await newGrub(dir, copy, STUBS + ENDING);
  return async (disk) => {
    copyStart(disk, copy, bytes);
    const calls = await runGrub([]);
    const [, slot] =
      /^linux \S+ root=PARTLABEL=QUANTIX-([AB]) /.exec(calls[0] ?? '') ?? [];
    return calls.at(-1) === 'boot' && slot !== undefined ? (slot as Slot) : null;
  };
}

/** As long as the disk, with holes for the rest: GRUB writes to it, and may not be root. */
function copyStart(disk: string, copy: string, bytes: number): void {
  const buffer = Buffer.alloc(bytes);
  const file = fs.openSync(disk, 'r');
  fs.readSync(file, buffer, 0, bytes, 0);
  fs.closeSync(file);
  fs.writeFileSync(copy, buffer);
  fs.truncateSync(copy, fs.statSync(disk).size);
  fs.chmodSync(copy, 0o666);
}
