import { createHash, type Hash } from 'node:crypto';
import * as v from 'valibot';
import { type Slot, SLOTS } from '../boot/boot-state.ts';
import { readOwnIfSound, writeDurably } from '../effects/durable.ts';
import type { Effects, Files, OpenFile } from '../effects/effects.ts';
import { parseShape } from '../format/document.ts';
import { QxError } from '../format/error.ts';
import type { Descriptor } from '../format/shapes.ts';
import { sha256, whole } from '../format/shapes.ts';
import { checkSlotImageHead } from '../format/slot-image.ts';
import { parseStrictJson } from '../format/strict-json.ts';
import { hashStart } from '../content/hash.ts';

/** So often what was written is synced and noted, so that a run that was killed goes on from there. */
const NOTE_EVERY_BYTES = 64 * 1024 * 1024;

/** How much of an image lies in its slot for certain. */
const noteSchema = v.object({
  type: v.literal('slot-write'),
  format: v.literal(1),
  slot: v.picklist(SLOTS),
  /** Of the whole image. */
  content: sha256,
  bytes: whole,
  /** Of these bytes. */
  sha256,
});
type Note = v.InferOutput<typeof noteSchema>;

const NOTE_BYTES_MAX = 4096;

function noteFile(stateDir: string): string {
  return `${stateDir}/slot-write.json`;
}

/** The note of an earlier run about this image in this slot; one that cannot be read is none. */
export async function readNote(
  files: Files,
  stateDir: string,
  slot: Slot,
  content: Descriptor,
): Promise<Note | null> {
  const bytes = await readOwnIfSound(files, noteFile(stateDir), NOTE_BYTES_MAX);
  if (bytes === null) return null;
  try {
    const raw = parseStrictJson(bytes, 'slot-write', NOTE_BYTES_MAX);
    const note = parseShape(noteSchema, raw, 'slot-write');
    const same = note.slot === slot && note.content === content.sha256;
    return same && note.bytes <= content.size ? note : null;
  } catch (error) {
    if (error instanceof QxError) return null;
    throw error;
  }
}

export async function removeNote(files: Files, stateDir: string): Promise<void> {
  await files.remove(noteFile(stateDir));
}

export interface SlotWriterOptions {
  fx: Effects;
  stateDir: string;
  slot: Slot;
  /** "/dev/sda4" */
  device: string;
  content: Descriptor;
  /** Before the first byte of this run: from here on the slot holds no whole image. */
  onFirstWrite: () => Promise<void>;
}

/** Writes the bytes of one image, in order, to the start of a slot. */
export class SlotWriter {
  /** Bytes of the image that lie in the slot, hashed. */
  size = 0;
  #hash: Hash = createHash('sha256');
  #noted = 0;
  #file: OpenFile | null = null;
  readonly #options: SlotWriterOptions;

  constructor(options: SlotWriterOptions) {
    this.#options = options;
  }

  /** Takes up what an earlier run has written, once its start has been hashed again. */
  async resume(): Promise<void> {
    const { fx, stateDir, slot, device, content } = this.#options;
    const note = await readNote(fx.files, stateDir, slot, content);
    if (note === null) return;
    const { hash, size } = await hashStart(fx.files, device, note.bytes);
    if (size !== note.bytes || hash.copy().digest('hex') !== note.sha256) return;
    this.#hash = hash;
    this.size = size;
    this.#noted = size;
  }

  /** QxError `digest` for a byte too many, `malformed` for a start that is none of an image: before it is written. */
  async write(bytes: Uint8Array): Promise<void> {
    const { content, device, fx } = this.#options;
    if (this.size + bytes.length > content.size) {
      throw new QxError('digest', 'the image has another length than the manifest says', {
        where: device,
        expected: `${content.size} bytes`,
        found: 'more',
      });
    }
    if (this.size === 0) checkSlotImageHead(bytes, content.size, 'the system image');
    if (this.#file === null) {
      // A slot that cannot be opened is no reason to change anything.
      this.#file = await fx.files.open(device, 'overwrite');
      await this.#options.onFirstWrite();
    }
    await this.#file.write(bytes, this.size);
    this.#hash.update(bytes);
    this.size += bytes.length;
    if (this.size - this.#noted >= NOTE_EVERY_BYTES) await this.#note();
  }

  /** All is there: checked, synced, closed. QxError `digest` when it is not what the manifest says. */
  async finish(): Promise<void> {
    const { content, device } = this.#options;
    const found = this.#hash.copy().digest('hex');
    if (this.size !== content.size || found !== content.sha256) {
      throw new QxError('digest', 'the image is not what the manifest says', {
        where: device,
        expected: `${content.sha256} (${content.size} bytes)`,
        found: `${found} (${this.size} bytes)`,
        hint: 'the object on the server is damaged or was replaced; "qx-repo verify" on the tree names it',
      });
    }
    await this.close();
  }

  /** Synced, noted and closed, whatever is there of it. */
  async close(): Promise<void> {
    if (this.#file === null) return;
    try {
      await this.#note();
    } finally {
      const file = this.#file;
      this.#file = null;
      await file.close();
    }
  }

  /** From the start again: what was written is not to be trusted. */
  async drop(): Promise<void> {
    this.size = 0;
    this.#noted = 0;
    this.#hash = createHash('sha256');
    await removeNote(this.#options.fx.files, this.#options.stateDir);
  }

  async #note(): Promise<void> {
    const { fx, stateDir, slot, content } = this.#options;
    await this.#file?.sync();
    if (this.size === this.#noted) return;
    const note: Note = {
      type: 'slot-write',
      format: 1,
      slot,
      content: content.sha256,
      bytes: this.size,
      sha256: this.#hash.copy().digest('hex'),
    };
    const bytes = Buffer.from(`${JSON.stringify(note)}\n`);
    await writeDurably(fx.files, noteFile(stateDir), bytes);
    this.#noted = this.size;
  }
}
