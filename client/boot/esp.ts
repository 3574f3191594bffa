import { belowRoot } from '../config/load.ts';
import { readIfThere } from '../effects/durable.ts';
import type { Effects, Files } from '../effects/effects.ts';
import { QxError, printable } from '../format/error.ts';
import type { BootDisk } from './partitions.ts';

/** Where the EFI system partition belongs; GRUB's folder on it is then /boot/grub. */
export const BOOT_FOLDER = '/boot';

const MOUNTS_BYTES_MAX = 1024 * 1024;
const TIMEOUT_MS = 60_000;

/** A line of /proc/mounts. */
export interface Mount {
  device: string;
  path: string;
  options: string[];
}

/** In the order in which they were made: of two at one path the later counts. */
export async function readMounts(files: Files, root: string): Promise<Mount[]> {
  const path = belowRoot(root, '/proc/mounts');
  const bytes = await readIfThere(files, path, MOUNTS_BYTES_MAX);
  return (bytes?.toString('utf8') ?? '').split('\n').flatMap((line) => {
    const [device, path, , options] = line.split(' ');
    if (device === undefined || path === undefined || options === undefined) return [];
    return [{ device, path, options: options.split(',') }];
  });
}

/** What is mounted at /boot, if anything. QxError `config` for something else than this EFI system partition. */
export function bootMount(mounts: readonly Mount[], { esp }: BootDisk): Mount | null {
  const mount = mounts.findLast(({ path }) => path === BOOT_FOLDER) ?? null;
  if (mount === null || mount.device === esp.device) return mount;
  throw new QxError('config', 'something else is mounted where the boot loader belongs', {
    where: BOOT_FOLDER,
    expected: `${esp.device}, the partition before QUANTIX-A`,
    found: printable(mount.device),
  });
}

/** Mounts the EFI system partition at /boot. Read-only leaves every byte of it as it is. */
export async function mountEsp(
  fx: Effects,
  root: string,
  { esp }: BootDisk,
  how: 'ro' | 'rw',
): Promise<void> {
  const folder = belowRoot(root, BOOT_FOLDER);
  if ((await fx.files.info(folder)) === null) await fx.files.makeDirectory(folder);
  const options = ['-t', 'vfat', '-o', `${how},noatime,umask=0077`];
  await call(fx, 'mount', [...options, belowRoot(root, esp.device), folder]);
}

export async function unmountEsp(fx: Effects, root: string): Promise<void> {
  await call(fx, 'umount', [belowRoot(root, BOOT_FOLDER)]);
}

async function call(
  fx: Effects,
  program: string,
  args: readonly string[],
): Promise<void> {
  const { status, stderr } = await fx.processes.run(program, args, {
    timeoutMs: TIMEOUT_MS,
  });
  if (status === 0) return;
  throw new QxError('disk', `${program} failed`, {
    where: args.at(-1),
    found: printable(stderr.toString().trim() || `it ended with ${String(status)}`, 400),
    hint: 'is this root, and does the kernel know vfat',
  });
}
