import type { BootReading } from '../boot/boot-environment.ts';
import { type Slot } from '../boot/boot-state.ts';
import { GRUB_CFG_BYTES_MAX } from '../boot/boot-setup.ts';
import { readCommandLine } from '../boot/booted.ts';
import { BOOT_FOLDER, type Mount } from '../boot/esp.ts';
import { COPIES, GRUB_FOLDER, grubEnvironment } from '../boot/grub-environment.ts';
import type { BootDisk } from '../boot/partitions.ts';
import { belowRoot } from '../config/load.ts';
import { readAt } from '../content/stream.ts';
import { listIfThere, readIfThere } from '../effects/durable.ts';
import type { Files } from '../effects/effects.ts';
import { type GrubCore, parseGrubCore } from './grub-core.ts';
import { extUuid } from './older-system.ts';

/** What `adopt` puts beside grub.cfg besides the environment. */
export const ADOPTED_FILE = 'adopted.env';
export const OLDER_FILE = 'grub.cfg.older';
/** Ours, until one rename makes it the one that counts. */
export const NEXT_FILE = 'grub.cfg.next';

/** Everything that the plan goes by: what this machine is, before anything is changed. */
export interface Findings {
  disk: BootDisk;
  commandLine: string;
  mounts: readonly Mount[];
  /** It was started by UEFI. */
  efi: boolean;
  /** GRUB's programs on the EFI system partition, by path. */
  cores: Readonly<Record<string, GrubCore>>;
  /** What GRUB can load from its folder when a command asks for it. */
  modules: readonly string[];
  grubCfg: Buffer | null;
  /** Files of `adopt` that are there, by name, with the bytes of each. */
  ours: ReadonlyMap<string, Buffer>;
  /** Null where there is none. */
  environment: BootReading | null;
  /** File systems of the slots; null for what is not ext. */
  uuids: Readonly<Record<Slot, string | null>>;
  /** Whether the running slot holds kernel and initramfs; null where it is not mounted. */
  hasKernel: Readonly<Record<Slot, boolean | null>>;
  /** On the EFI system partition. */
  freeBytes: number;
}

/** Of a slot: where the superblock of an ext file system lies. */
const HEAD_BYTES = 2048;
const CORE_BYTES_MAX = 32 * 1024 * 1024;

/** Looks, with the EFI system partition at /boot; writes nothing. */
export async function look(
  files: Files,
  root: string,
  disk: BootDisk,
  mounts: readonly Mount[],
): Promise<Findings> {
  const at = (path: string): string => belowRoot(root, path);
  const efi = (await files.info(at('/sys/firmware/efi'))) !== null;
  const kernelIn = (slot: Slot): Promise<boolean | null> =>
    hasKernel(files, root, disk.slots[slot].device, mounts);
  const uuidIn = async (slot: Slot): Promise<string | null> =>
    extUuid(await readAt(files, at(disk.slots[slot].device), 0, HEAD_BYTES));
  const ours = await ownFiles(files, at(GRUB_FOLDER));
  const hasCopies = COPIES.some((name) => ours.has(name));
  const environment = grubEnvironment(files, at(GRUB_FOLDER));
  return {
    disk,
    mounts,
    efi,
    ours,
    commandLine: await readCommandLine(files, root),
    cores: efi ? await readCores(files, at(BOOT_FOLDER)) : {},
    modules: await loadableModules(files, at(GRUB_FOLDER), efi),
    grubCfg: await readIfThere(files, at(`${GRUB_FOLDER}/grub.cfg`), GRUB_CFG_BYTES_MAX),
    environment: hasCopies ? await environment.read() : null,
    uuids: {
      A: await uuidIn('A'),
      B: await uuidIn('B'),
    },
    hasKernel: { A: await kernelIn('A'), B: await kernelIn('B') },
    freeBytes: await files.freeBytes(at(BOOT_FOLDER)),
  };
}

const NAMES = [...COPIES, ADOPTED_FILE, OLDER_FILE, NEXT_FILE];

async function ownFiles(files: Files, folder: string): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  for (const name of NAMES) {
    const bytes = await readIfThere(files, `${folder}/${name}`, GRUB_CFG_BYTES_MAX);
    if (bytes !== null) found.set(name, bytes);
  }
  return found;
}

/** EFI/BOOT/BOOTX64.EFI and the like; what is not GRUB is left out. */
async function readCores(files: Files, esp: string): Promise<Record<string, GrubCore>> {
  const found: Record<string, GrubCore> = {};
  for (const top of await listIfThere(files, esp)) {
    if (top.toLowerCase() !== 'efi') continue;
    for (const vendor of await listIfThere(files, `${esp}/${top}`))
      for (const name of await listIfThere(files, `${esp}/${top}/${vendor}`)) {
        if (!/\.efi$/i.test(name)) continue;
        const path = `${top}/${vendor}/${name}`;
        const core = parseGrubCore(await files.read(`${esp}/${path}`, CORE_BYTES_MAX));
        if (core !== null) found[path] = core;
      }
  }
  return found;
}

/** GRUB finds the module of a command by command.lst; without that it loads none by itself. */
async function loadableModules(
  files: Files,
  folder: string,
  efi: boolean,
): Promise<string[]> {
  const wanted = efi ? /^[a-z0-9_]+-efi$/ : /^[a-z0-9_]+-pc$/;
  const platforms = (await listIfThere(files, folder)).filter((name) =>
    wanted.test(name),
  );
  const names: string[] = [];
  for (const platform of platforms) {
    const all = await files.list(`${folder}/${platform}`);
    if (!all.includes('command.lst') || !all.includes('fs.lst')) continue;
    names.push(...all.filter((name) => name.endsWith('.mod')));
  }
  return names.map((name) => name.slice(0, -'.mod'.length));
}

async function hasKernel(
  files: Files,
  root: string,
  device: string,
  mounts: readonly Mount[],
): Promise<boolean | null> {
  const mount = mounts.findLast((each) => each.device === device);
  if (mount === undefined) return null;
  const folder = belowRoot(root, mount.path === '/' ? '/boot' : `${mount.path}/boot`);
  const infos = [
    await files.info(`${folder}/vmlinuz`),
    await files.info(`${folder}/initramfs`),
  ];
  return infos.every((info) => info?.type === 'file');
}
