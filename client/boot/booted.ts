import { belowRoot } from '../config/load.ts';
import { readIfThere } from '../effects/durable.ts';
import type { Files } from '../effects/effects.ts';
import { QxError, printable } from '../format/error.ts';
import type { Slot } from './boot-state.ts';

/** Why GRUB chose the slot, in the words of overlay/boot/grub/grub.cfg. */
export const REASONS = [
  'proven',
  'trial',
  'fallback',
  'refilled',
  'unwritable',
  'unloadable',
  'last-resort',
  'by-hand',
] as const;

export interface Booted {
  slot: Slot;
  /** Null for a word that this client does not know: the boot loader may be newer. */
  reason: (typeof REASONS)[number] | null;
}

const COMMAND_LINE_BYTES_MAX = 64 * 1024;

/** What the kernel was told; empty where nothing tells. */
export async function readCommandLine(files: Files, root: string): Promise<string> {
  const path = belowRoot(root, '/proc/cmdline');
  const bytes = await readIfThere(files, path, COMMAND_LINE_BYTES_MAX);
  return bytes?.toString('latin1') ?? '';
}

/**
 * What /proc/cmdline says of this boot. QxError `config` when it does not name exactly one slot: it is never
 * guessed, because the other one is overwritten.
 */
export function parseBooted(commandLine: string): Booted {
  const words = commandLine.split(/\s+/);
  const valuesOf = (key: string): string[] =>
    words.filter((word) => word.startsWith(key)).map((word) => word.slice(key.length));
  const [slot, ...more] = valuesOf('quantix.slot=');
  if ((slot !== 'A' && slot !== 'B') || more.length > 0) {
    throw new QxError('config', 'the booted slot is not known', {
      where: 'the kernel command line',
      expected: 'quantix.slot=A or quantix.slot=B, once',
      found: slot === undefined ? 'none' : printable([slot, ...more].join(', ')),
      hint: 'boot with the grub.cfg of overlay/boot/grub',
    });
  }
  const said = valuesOf('quantix.reason=')[0];
  return { slot, reason: REASONS.find((reason) => reason === said) ?? null };
}
