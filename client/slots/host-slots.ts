import { checkBootSetup, ensureBootMounted, readBootSetup } from '../boot/boot-setup.ts';
import { type BootEnvironment } from '../boot/boot-environment.ts';
import { otherSlot, type Slot } from '../boot/boot-state.ts';
import { type Booted, parseBooted, readCommandLine } from '../boot/booted.ts';
import { fileEnvironment } from '../boot/file-environment.ts';
import { GRUB_FOLDER, grubEnvironment } from '../boot/grub-environment.ts';
import { findBootDisk, type Partition, readPartitions } from '../boot/partitions.ts';
import type { Config } from '../config/config.ts';
import { belowRoot } from '../config/load.ts';
import type { Effects, Files } from '../effects/effects.ts';
import { QxError } from '../format/error.ts';

/** The part of a configuration that says where slots are; a host without any configuration has these as well. */
export type SlotPlaces = Pick<Config, 'root' | 'bootEnvironment'>;

/** The slot that runs. QxError `config` where the kernel was not told: it is never guessed. */
export async function readBooted(files: Files, { root }: SlotPlaces): Promise<Booted> {
  return parseBooted(await readCommandLine(files, root));
}

/** The same; null where there are no slots, or GRUB did not say which one it took. */
export async function bootedIfKnown(
  files: Files,
  config: Pick<Config, 'root' | 'bootEnvironment' | 'profile'>,
): Promise<Booted | null> {
  if (!config.profile.slots) return null;
  try {
    return await readBooted(files, config);
  } catch (error) {
    if (error instanceof QxError && error.code === 'config') return null;
    throw error;
  }
}

export function openEnvironment(
  files: Files,
  { root, bootEnvironment }: SlotPlaces,
): BootEnvironment {
  if (bootEnvironment !== null) return fileEnvironment(files, bootEnvironment);
  return grubEnvironment(files, belowRoot(root, GRUB_FOLDER));
}

/** An adopted host's own system does not mount the folder of the environment. Where that fails, its reader says so. */
export async function reachEnvironment(
  fx: Effects,
  { root, bootEnvironment }: SlotPlaces,
): Promise<void> {
  if (bootEnvironment !== null) return;
  try {
    await ensureBootMounted(fx, root);
  } catch (error) {
    if (!(error instanceof QxError)) throw error;
  }
}

/** The slot that an image goes to, and what decides about it. */
export interface Target {
  booted: Booted;
  slot: Slot;
  environment: BootEnvironment;
  partition: Partition;
  /** Where it lies on this machine: "/dev/sda4". */
  device: string;
}

/** The other slot, found by name. QxError `config` when any part of that is not certain. */
export async function findTarget(files: Files, places: SlotPlaces): Promise<Target> {
  checkBootSetup(await readBootSetup(files, places.root));
  const booted = await readBooted(files, places);
  const slot = otherSlot(booted.slot);
  const partition = (await findSlots(files, places))[slot];
  const environment = openEnvironment(files, places);
  await environment.read();
  const device = belowRoot(places.root, partition.device);
  return { booted, slot, environment, partition, device };
}

export async function findSlots(
  files: Files,
  { root }: SlotPlaces,
): Promise<Readonly<Record<Slot, Partition>>> {
  const partitions = await readPartitions(files, root);
  return findBootDisk(partitions).slots;
}
