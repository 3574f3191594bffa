import * as v from 'valibot';
import { parseShape } from './document.ts';
import { QxError, printable } from './error.ts';
import { LIMITS } from './limits.ts';
import { name, sortedRecord, version } from './shapes.ts';
import { parseStrictJson } from './strict-json.ts';

/** How much of an image its reader looks at: from its start, and from its end. */
export const SLOT_IMAGE_HEAD_BYTES = 2048;
export const SLOT_IMAGE_ABOUT_BYTES = 4096;

const aboutSchema = v.object({
  layout: v.picklist(['A', 'B'], '"A" or "B"'),
  arch: name,
  compatible: v.exactOptional(name),
  version: v.exactOptional(version),
  /** Versions of the components that are baked in. */
  components: v.exactOptional(sortedRecord(name, version, LIMITS.components)),
});

/** What an image says of itself in its last block. */
export type AboutImage = v.InferOutput<typeof aboutSchema>;

export interface SlotImage {
  layout: 'A' | 'B';
  /** Null for an image whose last block is something else. */
  about: AboutImage | null;
}

/**
 * What the raw bytes of a slot are, from their first 2048 bytes, their last 4096 and their number.
 * QxError `malformed` for what GRUB could not boot from: neither squashfs nor ext4, compressed in a way that it
 * does not read, a journal that it would not replay, cut short; `too-new` for a later form of the last block.
 */
export function parseSlotImage(
  head: Uint8Array,
  last: Uint8Array,
  size: number,
  where?: string,
): SlotImage {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.length);
  const layout = layoutOf(bytes, size, where);
  const about = parseAbout(last, where);
  if (about !== null && about.layout !== layout)
    throw refused('the image is not what its last block says', where, {
      expected: `layout ${about.layout}`,
      found: `layout ${layout}`,
    });
  return { layout, about };
}

/** The same for the start alone, of an image that is still to come. QxError `malformed`. */
export function checkSlotImageHead(head: Uint8Array, size: number, where?: string): void {
  layoutOf(Buffer.from(head.buffer, head.byteOffset, head.length), size, where);
}

function layoutOf(head: Buffer, size: number, where?: string): 'A' | 'B' {
  if (head.length < SLOT_IMAGE_HEAD_BYTES || size < SLOT_IMAGE_HEAD_BYTES)
    throw notAnImage(head, where);
  if (head.readUInt32LE(0) === SQUASHFS_MAGIC) {
    checkSquashfs(head, size, where);
    return 'A';
  }
  if (head.readUInt16LE(EXT_START + 56) !== EXT_MAGIC) throw notAnImage(head, where);
  checkExt4(head.subarray(EXT_START), size, where);
  return 'B';
}

/** https://dr-emann.github.io/squashfs/, "The Superblock" */
const SQUASHFS_MAGIC = 0x73717368;
const COMPRESSORS = ['none', 'gzip', 'lzma', 'lzo', 'xz', 'lz4', 'zstd'];
/** GRUB 2.06 calls a squashfs with another one an unknown file system. */
const GRUB_READS = ['gzip', 'lzo', 'xz'];

function checkSquashfs(head: Buffer, size: number, where?: string): void {
  const [major, id] = [head.readUInt16LE(28), head.readUInt16LE(20)];
  if (major !== 4)
    throw refused('a squashfs of another version', where, {
      expected: 'version 4',
      found: `version ${major}`,
    });
  const compressor = COMPRESSORS[id] ?? `number ${id}`;
  if (!GRUB_READS.includes(compressor))
    throw refused('a squashfs that GRUB cannot read', where, {
      expected: `compressed by ${GRUB_READS.join(', ')}`,
      found: compressor,
      hint: 'layout A is compressed by gzip; zstd belongs into layout B',
    });
  checkWhole(head.readBigUInt64LE(40), size, where);
}

/** Linux, Documentation/filesystems/ext4/super.rst */
const EXT_START = 1024;
const EXT_MAGIC = 0xef53;
const HAS_JOURNAL = 0x4;
/** filetype, meta_bg, extents, 64bit, flex_bg: what GRUB 2.06 reads. */
const GRUB_INCOMPAT = 0x2 | 0x10 | 0x40 | 0x80 | 0x200;

function checkExt4(superblock: Buffer, size: number, where?: string): void {
  const [compat, incompat] = [superblock.readUInt32LE(92), superblock.readUInt32LE(96)];
  if ((compat & HAS_JOURNAL) !== 0)
    throw refused('an ext4 with a journal, which GRUB never replays', where, {
      expected: 'no journal',
      found: 'has_journal',
      hint: 'mke2fs -O ^has_journal',
    });
  const unknown = (incompat & ~GRUB_INCOMPAT) >>> 0;
  if (unknown !== 0)
    throw refused('an ext4 with features that GRUB cannot read', where, {
      expected: 'filetype, meta_bg, extents, 64bit, flex_bg at the most',
      found: `incompatible features 0x${unknown.toString(16)}`,
    });
  const [low, high] = [superblock.readUInt32LE(4), superblock.readUInt32LE(336)];
  const blocks = BigInt(low) + ((incompat & 0x80) === 0 ? 0n : BigInt(high) << 32n);
  checkWhole(blocks << BigInt(10 + (superblock.readUInt32LE(24) & 0xf)), size, where);
}

function checkWhole(used: bigint, size: number, where?: string): void {
  if (used > 0n && used <= BigInt(size)) return;
  throw refused('an image that was cut short', where, {
    expected: `${used} bytes or more`,
    found: `${size} bytes`,
  });
}

const ABOUT_MAGIC = 'QUANTIX-IMAGE ';

/**
 * The last block: "QUANTIX-IMAGE 1", a line of JSON, zeros.
 */
function parseAbout(last: Uint8Array, where?: string): AboutImage | null {
  const block = Buffer.from(last.buffer, last.byteOffset, last.length);
  if (block.toString('latin1', 0, ABOUT_MAGIC.length) !== ABOUT_MAGIC) return null;
  const end = block.indexOf(0);
  const text = block.subarray(0, end === -1 ? block.length : end);
  const line = text.indexOf('\n');
  const format = text.toString('latin1', ABOUT_MAGIC.length, line);
  if (format !== '1')
    throw new QxError('too-new', 'an image that says what it is in another form', {
      where,
      expected: `${ABOUT_MAGIC}1`,
      found: printable(`${ABOUT_MAGIC}${format}`),
    });
  const raw = parseStrictJson(
    text.subarray(line + 1),
    'image',
    SLOT_IMAGE_ABOUT_BYTES,
    where,
  );
  return parseShape(aboutSchema, raw, 'image', where);
}

function notAnImage(head: Buffer, where?: string): QxError {
  return refused('neither a squashfs nor an ext4', where, {
    expected: 'the raw bytes of a slot',
    found: `bytes that begin with ${head.subarray(0, 8).toString('hex') || 'nothing'}`,
    hint: 'a compressed image or one of a whole disk is no slot image',
  });
}

function refused(
  message: string,
  where: string | undefined,
  details: { expected: string; found: string; hint?: string },
): QxError {
  return new QxError('malformed', message, { where, ...details });
}
