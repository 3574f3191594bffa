import { overwriteDurably, writeDurablyOnFat } from '../effects/durable.ts';
import type { Files } from '../effects/effects.ts';
import { isMissing } from '../effects/files.ts';
import { QxError } from '../format/error.ts';
import type { BootEnvironment } from './boot-environment.ts';
import { type BootState, NEVER_WRITTEN } from './boot-state.ts';
import {
  BLOCK_BYTES,
  type Block,
  FIRST_GENERATION,
  LAST_GENERATION,
  encodeBlock,
  parseBlock,
} from './grub-block.ts';

/** Beside grub.cfg on the EFI system partition, which the appliance mounts at /boot. */
export const GRUB_FOLDER = '/boot/grub';

export const COPIES = ['boot-0.env', 'boot-1.env'] as const;

/** A copy that somebody made longer is read all the same, as GRUB reads it. */
const FILE_BYTES_MAX = 64 * 1024;

/** The environment of overlay/boot/grub/grub.cfg: two copies in `folder`, of which the older is written. */
export function grubEnvironment(files: Files, folder: string): BootEnvironment {
  const paths = COPIES.map((name) => `${folder}/${name}`) as [string, string];
  return {
    lockPath: paths[0],
    read: async () => {
      const copies = await readCopies(files, paths);
      const readable = copies.filter((copy) => copy !== null).length;
      return { state: newest(copies)?.state ?? NEVER_WRITTEN, readable };
    },
    write: async (state) => {
      const copies = await readCopies(files, paths);
      const current = newest(copies);
      const path = current !== null && current === copies[0] ? paths[1] : paths[0];
      await writeCopy(files, path, encodeBlock({ generation: after(current), state }));
    },
  };
}

/** GRUB's own choice: the higher generation, the first copy between equals. */
function newest([zero, one]: readonly [Block | null, Block | null]): Block | null {
  if (zero === null || one === null) return zero ?? one;
  return one.generation > zero.generation ? one : zero;
}

function after(current: Block | null): number {
  const generation = (current?.generation ?? FIRST_GENERATION) + 1;
  if (generation <= LAST_GENERATION) return generation;
  throw new QxError('local-state', 'the boot environment has used up its generations', {
    expected: `a generation below ${LAST_GENERATION}`,
    hint: 'see "Rescue by hand" in overlay/README.md for how both copies are made anew',
  });
}

type Copies = [Block | null, Block | null];

async function readCopies(files: Files, paths: [string, string]): Promise<Copies> {
  const found = [await readCopy(files, paths[0]), await readCopy(files, paths[1])];
  if (found.every((bytes) => bytes === 'missing')) {
    throw new QxError('config', 'this host has no boot environment', {
      where: paths.join(', '),
      expected: 'the EFI system partition with grub.cfg and both copies',
      found: 'nothing there',
      hint: 'mount it; see "Boot contract" in overlay/README.md',
    });
  }
  return found.map((bytes) =>
    typeof bytes === 'string' ? null : parseBlock(bytes),
  ) as Copies;
}

async function readCopy(
  files: Files,
  path: string,
): Promise<Buffer | 'missing' | 'unreadable'> {
  try {
    return await files.read(path, FILE_BYTES_MAX);
  } catch (error) {
    if (isMissing(error)) return 'missing';
    // Too long, or a bad sector: GRUB does without it as well.
    if (error instanceof QxError || (error as { code?: unknown }).code === 'EIO')
      return 'unreadable';
    throw error;
  }
}

/** In place; where no file of the right size is, nothing can be lost, and one is made by rename. */
async function writeCopy(files: Files, path: string, bytes: Buffer): Promise<void> {
  const info = await files.info(path);
  const inPlace = info?.size === BLOCK_BYTES;
  await (inPlace ? overwriteDurably : writeDurablyOnFat)(files, path, bytes);
}

/** Both copies of a new disk, for image builders and for hosts that are taken over. */
export function newCopies(state: BootState): [Buffer, Buffer] {
  return [
    encodeBlock({ generation: FIRST_GENERATION, state }),
    encodeBlock({ generation: FIRST_GENERATION + 1, state }),
  ];
}
