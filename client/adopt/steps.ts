import { dirname } from 'node:path';
import { belowRoot } from '../config/load.ts';
import { createSynced, renameOnFat } from '../effects/durable.ts';
import type { Files } from '../effects/effects.ts';
import { QxError } from '../format/error.ts';

/** One change on the EFI system partition. Paths are those of the appliance. */
export type Step = { why: string; path: string } & (
  { step: 'write'; bytes: Buffer } | { step: 'rename'; from: string } | { step: 'remove' }
);

/** For a person: "write  /boot/grub/boot-0.env  the first copy of the environment". */
export function stepLine({ step, path, why }: Step): string {
  return `${step.padEnd(6)}  ${path}  ${why}`;
}

/** The same for --json. */
export function stepValue(step: Step): object {
  const { why, path } = step;
  if (step.step === 'write')
    return { step: 'write', path, bytes: step.bytes.length, why };
  if (step.step === 'rename') return { step: 'rename', from: step.from, path, why };
  return { step: 'remove', path, why };
}

/** One after the other, each on the disk before the next begins. QxError `disk` for what does not read back. */
export async function carryOut(
  files: Files,
  root: string,
  steps: readonly Step[],
): Promise<void> {
  for (const step of steps) {
    const path = belowRoot(root, step.path);
    if (step.step === 'write') await create(files, path, step.bytes);
    else if (step.step === 'rename')
      await renameOnFat(files, belowRoot(root, step.from), path);
    else await files.remove(path);
    await files.syncDirectory(dirname(path));
  }
}

/** A file that nobody reads before a later step, so that a torn one does no harm: it is made again. */
async function create(files: Files, path: string, bytes: Buffer): Promise<void> {
  await files.remove(path);
  await createSynced(files, path, bytes);
  const found = await files.read(path, bytes.length + 1);
  if (found.equals(bytes)) return;
  throw new QxError('disk', 'what was written does not read back', { where: path });
}
