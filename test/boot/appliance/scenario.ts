import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { SlotState } from '../../../client/boot/boot-state.ts';
import { COPIES } from '../../../client/boot/grub-environment.ts';
import { type Copies, newest, type Values } from '../block.ts';
import { addToFat, must } from '../fat.ts';
import { type DiskWish, makeDisk, partition } from './disk.ts';
import type { ImageWish } from './images.ts';
import type { Appliance, Owner } from './qemu.ts';

export const GOOD: SlotState = { kind: 'good', triesLeft: 8 };
export const TRIAL: SlotState = { kind: 'trial', triesLeft: 3 };
export const BAD: SlotState = { kind: 'bad', triesLeft: 0 };
export const NONE: SlotState = { kind: 'none', triesLeft: 0 };

/** /quantix of a host that nobody publishes for. */
const ALONE = {
  'update.toml':
    'product = "quantix-os"\nurl = "http://10.0.2.2:9/"\ncheck_interval = "0s"\n',
};

/** A disk in a folder of its own, which goes with the test. */
export async function newDisk(t: Owner, wish: DiskWish): Promise<string> {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'quantix-disk-'));
  t.teardown(() => fs.rmSync(dir, { recursive: true, force: true }));
  return makeDisk(dir, { config: ALONE, ...wish });
}

/** Both copies of the environment, as they lie on a disk that no machine has. */
export async function readCopies(disk: string): Promise<Copies> {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'quantix-copies-'));
  const place = `${disk}@@${partition('EFI').offset}`;
  await must('mcopy', ['-i', place, '::/grub/boot-*.env', dir]);
  const copies = COPIES.map((name) => fs.readFileSync(path.join(dir, name)));
  fs.rmSync(dir, { recursive: true });
  return copies as Copies;
}

export async function writeCopies(disk: string, copies: Copies): Promise<void> {
  const contents = Object.fromEntries(COPIES.map((name, at) => [name, copies[at] ?? '']));
  await addToFat(path.dirname(disk), disk, partition('EFI').offset, '::/grub', contents);
}

/** What the environment says: {next: "A", a: "good-8", b: "trial-0", generation}. */
export async function environmentOf(disk: string): Promise<Values> {
  return newest(await readCopies(disk));
}

/** GRUB's next choice: "B trial". */
export async function choice(machine: Appliance): Promise<string> {
  const [, slot, reason] = await machine.says(/Next: QUANTIX-([AB]), because: ([a-z-]+)/);
  return `${slot} ${reason}`;
}

/** Waits for the end of a boot; the slot that was marked good. */
export async function markedGood(machine: Appliance): Promise<string> {
  const [, slot = ''] = await machine.says(/slot ([AB]) is good/);
  return slot;
}

/** What `status --json` says. */
export async function statusOf(machine: Appliance): Promise<Record<string, unknown>> {
  const said = await machine.ok('qx-update status --json 2>/dev/console');
  return JSON.parse(said) as Record<string, unknown>;
}

export async function slotsOf(machine: Appliance): Promise<unknown> {
  return (await statusOf(machine)).slots;
}

/** A command that ends with a reboot, told on the console; it goes on alone, as one of cron's does. */
export async function runInBackground(
  machine: Appliance,
  command: string,
): Promise<void> {
  await machine.ok(`setsid ${command} </dev/null >/dev/console 2>&1 &`);
}

/** An image that does not come far needs neither Node.js nor programs. */
export function broken(version: string, more: Partial<ImageWish>): ImageWish {
  return { layout: 'A', version, without: SAVED, ...more };
}

export const SAVED = ['usr/bin/node', 'usr/bin/qx-node'];
