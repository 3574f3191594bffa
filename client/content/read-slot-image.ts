import type { Files } from '../effects/effects.ts';
import {
  parseSlotImage,
  SLOT_IMAGE_ABOUT_BYTES,
  SLOT_IMAGE_HEAD_BYTES,
  type SlotImage,
} from '../format/slot-image.ts';
import { readAt } from './stream.ts';

/** What an image of `size` bytes is, in a file or a slot, from its first and last block. QxError as parseSlotImage. */
export async function readSlotImage(
  files: Files,
  path: string,
  size: number,
): Promise<SlotImage> {
  const head = await readAt(files, path, 0, SLOT_IMAGE_HEAD_BYTES);
  return parseSlotImage(head, await readLastBlock(files, path, size), size, path);
}

/** The last block of it, which says what it is. */
export function readLastBlock(files: Files, path: string, size: number): Promise<Buffer> {
  const bytes = Math.min(size, SLOT_IMAGE_ABOUT_BYTES);
  return readAt(files, path, size - bytes, bytes);
}
