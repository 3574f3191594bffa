import { type BootState, type Slot, type SlotState } from './boot-state.ts';

/** Bytes of one copy. All that means something lies in the first sector, which a disk writes whole. */
export const BLOCK_BYTES = 1024;

/** Eight digits, never a 0 in front: GRUB compares numbers, and reads such ones as octal. */
export const FIRST_GENERATION = 10_000_000;
export const LAST_GENERATION = 99_999_999;

export interface Block {
  /** Of two copies, the one with the higher number counts. */
  generation: number;
  state: BootState;
}

const FIRST_LINE = '# GRUB Environment Block\n';
const NAMES = ['qx_generation', 'qx_next', 'qx_a', 'qx_b', 'qx_end'] as const;
const SLOT_STATE = '(good-[0-8]|trial-[0-3]|bad|none)';
/** The very pattern of overlay/boot/grub/grub.cfg. */
const VALUES = new RegExp(`^([1-9][0-9]{7}) ([AB]) ${SLOT_STATE} ${SLOT_STATE} \\1$`);

/**
 * What a copy says, or null when it is not whole. It is read exactly as GRUB reads it, oddities included:
 * the two must never disagree about which copy counts.
 */
export function parseBlock(bytes: Uint8Array): Block | null {
  const found = parseVariables(bytes);
  const text = NAMES.map((name) => found.get(name) ?? '').join(' ');
  const [, generation, next, a, b] = VALUES.exec(text) ?? [];
  if (a === undefined || b === undefined) return null;
  const slots = { A: parseSlot(a), B: parseSlot(b) };
  return { generation: Number(generation), state: { next: next as Slot, slots } };
}

/** 1024 bytes, the inverse of `parseBlock`. */
export function encodeBlock({ generation, state }: Block): Buffer {
  const { next, slots } = state;
  const values = [generation, next, encodeSlot(slots.A), encodeSlot(slots.B), generation];
  return encodeVariables(
    NAMES.map((name, index) => [name, String(values[index] ?? '')]),
    BLOCK_BYTES,
  );
}

/** A file for GRUB's load_env, filled up to `size` bytes. Values are plain text without a backslash. */
export function encodeVariables(
  values: readonly (readonly [name: string, value: string])[],
  size: number,
): Buffer {
  const lines = values.map(([name, value]) => `${name}=${value}\n`);
  const block = Buffer.alloc(size, '#');
  block.write(`${FIRST_LINE}${lines.join('')}`, 'latin1');
  return block;
}

/** What GRUB's load_env makes of a file. */
export function parseVariables(bytes: Uint8Array): Map<string, string> {
  return readVariables(Buffer.from(bytes).toString('latin1'));
}

function parseSlot(text: string): SlotState {
  const [kind, left] = text.split('-') as [SlotState['kind'], string | undefined];
  return { kind, triesLeft: Number(left ?? 0) };
}

function encodeSlot({ kind, triesLeft }: SlotState): string {
  return kind === 'good' || kind === 'trial' ? `${kind}-${triesLeft}` : kind;
}

/**
 * GRUB's reader (grub_envblk_iterate in 2.06), over bytes as characters: a name runs to the next "=", whatever
 * lies between; a value runs to the end of its line, and a backslash takes the character behind it as it is;
 * what has no end is not there; both end at a zero byte; of a name that stands twice the last counts.
 */
function readVariables(text: string): Map<string, string> {
  const found = new Map<string, string>();
  if (!text.startsWith(FIRST_LINE)) return found;
  let at = FIRST_LINE.length;
  while (at < text.length) {
    if (text[at] !== '#') {
      const equals = text.indexOf('=', at);
      if (equals < 0) break;
      const end = endOfLine(text, equals + 1);
      if (end >= text.length) break;
      const value = text.slice(equals + 1, end).replace(/\\([^])/g, '$1');
      found.set(beforeZero(text.slice(at, equals)), beforeZero(value));
      at = end;
    }
    at = endOfLine(text, at) + 1;
  }
  return found;
}

/** Where the line ends that `from` lies in; a line feed behind a backslash is none. */
function endOfLine(text: string, from: number): number {
  let at = from;
  while (at < text.length && text[at] !== '\n') at += text[at] === '\\' ? 2 : 1;
  return at;
}

function beforeZero(text: string): string {
  return text.split('\0', 1)[0] ?? '';
}
