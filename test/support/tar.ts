import {
  BLOCK,
  TAR_END,
  type TarEntry,
  encodeHeader,
  padding,
} from '../../client/format/tar.ts';

export const file = (path: string, size = 0, mode = 0o644): TarEntry => ({
  path,
  type: 'file',
  mode,
  size,
});

export const folder = (path: string): TarEntry => ({
  path,
  type: 'directory',
  mode: 0o755,
  size: 0,
});

export const link = (path: string, linkTarget: string): TarEntry => ({
  path,
  type: 'link',
  mode: 0o777,
  size: 0,
  linkTarget,
});

/** Headers and bodies as they are given, whatever sense they make, and the end. */
export function archive(...parts: (TarEntry | Buffer | string)[]): Buffer {
  return Buffer.concat([...parts.map(toBlocks), TAR_END]);
}

function toBlocks(part: TarEntry | Buffer | string): Buffer {
  if (Buffer.isBuffer(part)) return part;
  if (typeof part !== 'string') return encodeHeader(part);
  const body = Buffer.from(part);
  return Buffer.concat([body, Buffer.alloc(padding(body.length))]);
}

/** A header with bytes replaced and its checksum made right again. */
export function edited(header: Buffer, edits: [offset: number, text: string][]): Buffer {
  const bytes = Buffer.from(header);
  const block = bytes.subarray(-BLOCK);
  for (const [offset, text] of edits) block.write(text, offset, 'latin1');
  block.write(' '.repeat(8), 148);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return bytes;
}

const longPath = (bytes: number): string =>
  `${'r'.repeat(199)}/`.repeat(5).slice(0, bytes);
const d100 = 'd'.repeat(100);
/** Entries of every kind, and the 512-byte blocks that their headers take. */
export const SAMPLES: [why: string, entry: TarEntry, blocks: number][] = [
  ['a plain file', file('app.js', 5), 1],
  ['a file with an execute bit', file('bin/tool', 5, 0o755), 1],
  ['a folder', folder('static'), 1],
  ['a link to a sibling', link('current', 'v1'), 1],
  ['a link that climbs as far as the folder itself', link('a/b/up', '../..'), 1],
  ['a dot-file', file('.well-known/x', 1), 1],
  ['names with spaces, backslashes and a leading dash', file('-a b\\x2d', 1), 1],
  ['a name that is not ASCII, raw in ustar', file('bücher/日本.txt', 1), 1],
  ['a name of exactly 100 bytes', file('n'.repeat(98)), 1],
  ['a name of 101 bytes, cut behind the dot', file('n'.repeat(99)), 1],
  ['a name without a place to cut', file('n'.repeat(101)), 3],
  [
    'a name that is cut into prefix and name',
    file(`${'p'.repeat(90)}/${'n'.repeat(90)}`),
    1,
  ],
  ['a prefix of 155 bytes', file(`${'p'.repeat(153)}/${'n'.repeat(100)}`), 1],
  ['a prefix of 156 bytes', file(`${'p'.repeat(154)}/${'n'.repeat(10)}`), 3],
  ['a long folder', folder(`${'p'.repeat(90)}/${'n'.repeat(90)}`), 1],
  ['a long folder that needs PAX', folder(`a/${'n'.repeat(150)}`), 3],
  ['a link target of 100 bytes', link('l', d100), 1],
  ['a link target of 101 bytes', link('l', `${d100}d`), 3],
  ['a long link with a long target', link(`${d100}/${d100}n`, `../${d100}${d100}`), 3],
  ['a record of 999 bytes', file(longPath(981)), 4],
  ['a record of 1001 bytes', file(longPath(982)), 4],
  ['the largest file', file('big', 0o77777777777), 1],
];
