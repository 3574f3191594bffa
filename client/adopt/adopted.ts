import type { Slot } from '../boot/boot-state.ts';
import { encodeVariables, parseVariables } from '../boot/grub-block.ts';
import { QxError } from '../format/error.ts';

/** What adopted.env says, for GRUB and for the way back. */
export interface Adopted {
  slot: Slot;
  /** Of the file system in that slot: an image over it has another. */
  uuid: string;
  /** What its kernel is told, besides the slot and the reason. */
  words: string[];
  /** Of the other slot when the host was adopted; null where that held no ext file system. */
  otherUuid: string | null;
}

const BYTES = 4096;
/** A kernel of x86 takes 2047 characters, and the slot and the reason are still to come. */
const WORDS_MAX = 1900;

/** QxError `config` for a command line that is too long. */
export function encodeAdopted({ slot, uuid, words, otherUuid }: Adopted): Buffer {
  const text = words.join(' ');
  if (text.length > WORDS_MAX)
    throw new QxError(
      'config',
      'the kernel command line is too long to be carried over',
      {
        expected: `${WORDS_MAX} characters at the most`,
        found: `${text.length}`,
      },
    );
  const values = [
    ['adopted_slot', slot],
    ['adopted_uuid', uuid],
    ['adopted_arguments', text],
    ['other_uuid', otherUuid ?? 'none'],
  ] as const;
  return encodeVariables(values, BYTES);
}

/** Null for a file that is not whole. */
export function parseAdopted(bytes: Uint8Array): Adopted | null {
  const values = parseVariables(bytes);
  const slot = values.get('adopted_slot');
  const uuid = values.get('adopted_uuid');
  const words = values.get('adopted_arguments');
  const other = values.get('other_uuid');
  if ((slot !== 'A' && slot !== 'B') || !uuid || !words || !other) return null;
  const otherUuid = other === 'none' ? null : other;
  return { slot, uuid, words: words.split(' '), otherUuid };
}
