import { belowRoot } from '../config/load.ts';
import { readIfThere } from '../effects/durable.ts';
import type { Effects, Files } from '../effects/effects.ts';
import { QxError } from '../format/error.ts';
import { readCommandLine } from './booted.ts';
import { bootMount, mountEsp, readMounts } from './esp.ts';
import { COPIES, GRUB_FOLDER } from './grub-environment.ts';
import { findBootDisk, readPartitions } from './partitions.ts';

/**
 * How this machine boots:
 *
 *   ours     GRUB counted this boot and said which slot it took
 *   adopted  it will at the next boot
 *   older    there are slots, and a boot loader that counts nothing
 *   none     there are no slots
 */
export type BootSetup = 'ours' | 'adopted' | 'older' | 'none';

export const GRUB_CFG_BYTES_MAX = 256 * 1024;

export async function readBootSetup(files: Files, root: string): Promise<BootSetup> {
  const line = await readCommandLine(files, root);
  if (/(^|\s)quantix\.slot=/.test(line)) return 'ours';
  const partitions = await readPartitions(files, root);
  if (!partitions.some(({ name }) => /^QUANTIX-[AB]$/.test(name))) return 'none';
  const file = belowRoot(root, `${GRUB_FOLDER}/grub.cfg`);
  const text = (await readIfThere(files, file, GRUB_CFG_BYTES_MAX))?.toString() ?? '';
  return isOwnGrubCfg(text) ? 'adopted' : 'older';
}

/** A grub.cfg that counts attempts in the environment of overlay/README.md, of this version or another. */
export function isOwnGrubCfg(text: string): boolean {
  return /^\s*load_env .*\bqx_generation qx_next qx_a qx_b qx_end$/m.test(text);
}

/** QxError `config`, with what to do, on a host that no system image may be written to. */
export function checkBootSetup(setup: BootSetup): void {
  if (setup === 'ours') return;
  throw new QxError('config', REFUSALS[setup].message, {
    where: 'the boot loader',
    expected: 'one that counts the attempts of a new system',
    hint: REFUSALS[setup].hint,
  });
}

const REFUSALS = {
  adopted: {
    message: 'the boot loader of this host has not booted it yet',
    hint: 'reboot once; components are updated all the same',
  },
  older: {
    message: 'this host boots as the older system laid it out',
    hint: 'see "qx-update adopt --dry-run", then call "qx-update adopt"; components are updated all the same',
  },
  none: {
    message: 'this host has no slots for a system image',
    hint: 'publish components for it',
  },
} as const;

/**
 * The EFI system partition is at /boot and takes writes, as the older system, which knows nothing of it, does not see
 * to. Nothing happens where it is mounted already. QxError `config` or `disk`.
 */
export async function ensureBootMounted(fx: Effects, root: string): Promise<void> {
  const copy = belowRoot(root, `${GRUB_FOLDER}/${COPIES[0]}`);
  if ((await fx.files.info(copy)) !== null) return;
  const disk = findBootDisk(await readPartitions(fx.files, root));
  if (bootMount(await readMounts(fx.files, root), disk) === null)
    await mountEsp(fx, root, disk, 'rw');
}
