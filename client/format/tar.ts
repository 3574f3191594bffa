import { QxError, printable } from './error.ts';
import { LIMITS } from './limits.ts';

/** One member of a folder's canonical tar. */
export interface TarEntry {
  /** Relative to the folder, "static/app.js": no leading "./", no trailing slash. */
  path: string;
  type: 'file' | 'directory' | 'link';
  /** Permission bits as found on disk; the archive knows only 0644, 0755 and, for links, 0777. */
  mode: number;
  /** Bytes of a file; 0 for folders and links. */
  size: number;
  /** What a link says, exactly. */
  linkTarget?: string;
}

export const BLOCK = 512;

/** Two zero blocks and nothing after them. */
export const TAR_END = Buffer.alloc(2 * BLOCK);

/** Eleven octal digits: 8 GiB less one byte. */
const FILE_BYTES_MAX = 0o77777777777;
const NAME_BYTES = 100;
const PREFIX_BYTES = 155;
const SEGMENT_BYTES_MAX = 255;
const TYPE_FLAGS = { file: '0', link: '2', directory: '5' } as const;

/** 0755 for folders and for files with any execute bit, else 0644; links 0777. */
export function canonicalMode(entry: Pick<TarEntry, 'type' | 'mode'>): number {
  if (entry.type === 'link') return 0o777;
  return entry.type === 'directory' || (entry.mode & 0o111) !== 0 ? 0o755 : 0o644;
}

/** "./bin/tool" for a file or a link, "./bin/" for a folder. */
export function tarName(entry: Pick<TarEntry, 'type' | 'path'>): string {
  return `./${entry.path}${entry.type === 'directory' ? '/' : ''}`;
}

/** The order of a canonical tar: bytes of the tar names, so a folder stands before what is in it. */
export function compareEntries(
  a: Pick<TarEntry, 'type' | 'path'>,
  b: Pick<TarEntry, 'type' | 'path'>,
): number {
  return Buffer.compare(Buffer.from(tarName(a)), Buffer.from(tarName(b)));
}

/** Bytes of zeros that fill the last block of a body of `size` bytes. */
export function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

/**
 * The one header of an entry: 512 bytes as GNU tar writes them for --format=ustar with zero ids and times.
 * Where a name or a link target does not fit, a PAX header with `path` or `linkpath` goes before it.
 *
 * Throws QxError `malformed` with the path for an entry that no archive may hold.
 */
export function encodeHeader(entry: TarEntry): Buffer {
  checkEntryPath(entry.path);
  if (entry.type === 'link') checkLinkTarget(entry.path, entry.linkTarget ?? '');
  if (entry.size > FILE_BYTES_MAX) {
    throw new QxError('malformed', 'a file of a folder is 8 GiB or larger', {
      where: printable(entry.path),
      found: `${entry.size} bytes`,
    });
  }
  const name = Buffer.from(tarName(entry));
  const target = Buffer.from(entry.type === 'link' ? (entry.linkTarget ?? '') : '');
  const split = splitName(name);
  const records = [
    ...(split === null ? [paxRecord('path', name)] : []),
    ...(target.length > NAME_BYTES ? [paxRecord('linkpath', target)] : []),
  ];
  const header = ustarBlock({
    ...(split ?? { name: name.subarray(0, NAME_BYTES), prefix: Buffer.alloc(0) }),
    flag: TYPE_FLAGS[entry.type],
    mode: canonicalMode(entry),
    size: entry.type === 'file' ? entry.size : 0,
    target: target.subarray(0, NAME_BYTES),
  });
  return records.length === 0 ? header : Buffer.concat([paxHeader(records), header]);
}

interface SplitName {
  name: Buffer;
  prefix: Buffer;
}

/** ustar's two fields for a long name, cut where GNU tar cuts; null when no cut fits. */
function splitName(whole: Buffer): SplitName | null {
  if (whole.length <= NAME_BYTES) return { name: whole, prefix: Buffer.alloc(0) };
  // A slash at the very end belongs to a folder's name and is no place to cut.
  const last = Math.min(PREFIX_BYTES, whole.length - 2);
  const cut = whole.lastIndexOf('/', last);
  if (cut <= 0 || whole.length - cut - 1 > NAME_BYTES) return null;
  return { name: whole.subarray(cut + 1), prefix: whole.subarray(0, cut) };
}

interface UstarFields extends SplitName {
  flag: string;
  mode: number;
  size: number;
  target: Buffer;
}

function ustarBlock(fields: UstarFields): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.set(fields.name, 0);
  block.write(octal(fields.mode, 7), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(0, 7), 116);
  block.write(octal(fields.size, 11), 124);
  block.write(octal(0, 11), 136);
  block.write(' '.repeat(8), 148);
  block.write(fields.flag, 156);
  block.set(fields.target, 157);
  block.write('ustar\0' + '00', 257);
  block.write(octal(0, 7), 329);
  block.write(octal(0, 7), 337);
  block.set(fields.prefix, 345);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 6)}\0 `, 148);
  return block;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}

function paxHeader(records: Buffer[]): Buffer {
  const body = Buffer.concat(records);
  const header = ustarBlock({
    name: Buffer.from('././@PaxHeader'),
    prefix: Buffer.alloc(0),
    flag: 'x',
    mode: 0o644,
    size: body.length,
    target: Buffer.alloc(0),
  });
  return Buffer.concat([header, body, Buffer.alloc(padding(body.length))]);
}

/** "30 path=./some/name\n", where 30 counts the whole record, itself included. */
function paxRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')]);
  let length = rest.length + 1;
  while (`${length}`.length + rest.length !== length)
    length = `${length}`.length + rest.length;
  return Buffer.concat([Buffer.from(`${length}`), rest]);
}

/**
 * A path that a folder may hold: relative, in its shortest form, valid Unicode without control characters,
 * within the limits of depth and length. Throws QxError `malformed` that names the path.
 */
export function checkEntryPath(path: string): void {
  const fault = pathFault(path);
  if (fault === null) return;
  throw new QxError('malformed', `a name that a folder may not hold: ${fault}`, {
    where: printable(path),
  });
}

function pathFault(path: string): string | null {
  const segments = path.split('/');
  if (path === '') return 'empty';
  if (path.startsWith('/')) return 'absolute';
  if (segments.includes('..')) return 'it has ".." in it';
  if (segments.includes('') || segments.includes('.')) return 'not in its shortest form';
  return textFault(path) ?? lengthFault(path, segments);
}

function textFault(text: string): string | null {
  if (/\p{Cc}/u.test(text)) return 'it has a control character in it';
  // Node hands out names that are not UTF-8 with U+FFFD in them: such a file could not be opened again.
  if (!text.isWellFormed() || text.includes('\ufffd')) return 'not valid UTF-8';
  return null;
}

function lengthFault(path: string, segments: string[]): string | null {
  if (Buffer.byteLength(path) > LIMITS.pathBytes)
    return `longer than ${LIMITS.pathBytes} bytes`;
  if (segments.length > LIMITS.folderDepth)
    return `deeper than ${LIMITS.folderDepth} folders`;
  const long = segments.some((segment) => Buffer.byteLength(segment) > SEGMENT_BYTES_MAX);
  return long ? `a part of it is longer than ${SEGMENT_BYTES_MAX} bytes` : null;
}

/**
 * A link that stays inside the folder however the other links lie. ".." may stand only at the beginning,
 * where it climbs through the link's own, real parents; behind a name it could climb out of another
 * link's target. Throws QxError `malformed` that names the link.
 */
export function checkLinkTarget(path: string, target: string): void {
  const fault = targetFault(path, target);
  if (fault === null) return;
  throw new QxError('malformed', `a link that a folder may not hold: ${fault}`, {
    where: printable(path),
    found: printable(target),
  });
}

function targetFault(path: string, target: string): string | null {
  if (target === '') return 'it points nowhere';
  if (target.startsWith('/')) return 'its target is absolute';
  if (Buffer.byteLength(target) > LIMITS.pathBytes) {
    return `its target is longer than ${LIMITS.pathBytes} bytes`;
  }
  const segments = target
    .split('/')
    .filter((segment) => segment !== '' && segment !== '.');
  const climbs = segments.findIndex((segment) => segment !== '..');
  const ups = climbs === -1 ? segments.length : climbs;
  if (ups > path.split('/').length - 1) return 'its target is outside the folder';
  if (segments.slice(ups).includes('..')) return 'its target has ".." behind a name';
  return textFault(target);
}
