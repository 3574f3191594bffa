import { basename, dirname } from 'node:path';
import { belowRoot } from '../config/load.ts';
import { listIfThere, readIfThere } from '../effects/durable.ts';
import type { Files } from '../effects/effects.ts';
import { QxError } from '../format/error.ts';
import type { Slot } from './boot-state.ts';

const BLOCK_DEVICES = '/sys/class/block';
const SYS_FILE_BYTES_MAX = 4096;

export interface Partition {
  /** "/dev/sda2" */
  device: string;
  /** The disk's name: "sda". */
  disk: string;
  /** From 1, as in the partition table. */
  number: number;
  /** Its GPT name, "QUANTIX-A"; empty where it has none. */
  name: string;
  /** Its size in bytes. */
  bytes: number;
  /** The kernel refuses to write to it. */
  readOnly: boolean;
}

/** The partitions that GRUB finds by counting: both slots follow the EFI system partition. */
export interface BootDisk {
  esp: Partition;
  slots: Readonly<Record<Slot, Partition>>;
}

/** Every partition that the kernel knows, below `root` ("/" on an appliance). */
export async function readPartitions(files: Files, root: string): Promise<Partition[]> {
  const folder = belowRoot(root, BLOCK_DEVICES);
  const found: Partition[] = [];
  for (const entry of await listIfThere(files, folder)) {
    const said = async (name: string): Promise<string> => {
      const path = `${folder}/${entry}/${name}`;
      const text = await readIfThere(files, path, SYS_FILE_BYTES_MAX);
      return text?.toString() ?? '';
    };
    const uevent = await said('uevent');
    const values = new Map(uevent.split('\n').map((line) => splitOnce(line, '=')));
    const number = Number(values.get('PARTN'));
    if (values.get('DEVTYPE') !== 'partition' || !Number.isInteger(number)) continue;
    // /sys/class/block/sda2 → …/block/sda/sda2
    const disk = basename(dirname(await files.realPath(`${folder}/${entry}`)));
    const device = `/dev/${values.get('DEVNAME') ?? entry}`;
    found.push({
      device,
      disk,
      number,
      name: values.get('PARTNAME') ?? '',
      // Always in sectors of 512 bytes, whatever those of the disk are.
      bytes: Number(await said('size')) * 512,
      readOnly: (await said('ro')).trim() === '1',
    });
  }
  return found;
}

/**
 * The slots by name, and the EFI system partition by where it stands. QxError `config` when a name is missing or
 * stands twice, or when the three do not follow each other on one disk: GRUB would boot something else.
 */
export function findBootDisk(partitions: readonly Partition[]): BootDisk {
  const slots = { A: only(partitions, 'QUANTIX-A'), B: only(partitions, 'QUANTIX-B') };
  const { disk, number } = slots.A;
  const esp = partitions.find((each) => each.disk === disk && each.number === number - 1);
  const { B } = slots;
  if (esp !== undefined && B.disk === disk && B.number === number + 1)
    return { esp, slots };
  throw new QxError('config', 'the partitions do not lie as the boot loader expects', {
    expected:
      'one disk with the EFI system partition, QUANTIX-A, QUANTIX-B, one after the other',
    found: `QUANTIX-A is ${slots.A.device}, QUANTIX-B is ${B.device}`,
    hint: 'see "Boot contract" in overlay/README.md',
  });
}

function only(partitions: readonly Partition[], name: string): Partition {
  const found = partitions.filter((each) => each.name === name);
  if (found.length === 1) return found[0] as Partition;
  throw new QxError('config', `one partition has to be called ${name}`, {
    expected: 'its name in the partition table (GPT), once in this machine',
    found: found.length === 0 ? 'none' : found.map(({ device }) => device).join(', '),
  });
}

function splitOnce(line: string, separator: string): [string, string] {
  const at = line.indexOf(separator);
  return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)];
}
