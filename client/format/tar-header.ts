import { Header } from 'tar/header';
import { QxError, printable } from './error.ts';
import { LIMITS } from './limits.ts';
import { BLOCK, type TarEntry, encodeHeader, padding } from './tar.ts';

const TYPES: Record<string, TarEntry['type']> = {
  '0': 'file',
  '2': 'link',
  '5': 'directory',
};
const REFUSED_TYPES: Record<string, string> = {
  '1': 'a hard link',
  '3': 'a character device',
  '4': 'a block device',
  '6': 'a fifo',
  g: 'a global header',
  L: 'a long name in GNU form',
  K: 'a long link in GNU form',
  S: 'a sparse file',
};
/** Both records at their longest, with room for their keys. */
const PAX_BYTES_MAX = 2 * LIMITS.pathBytes + 64;
const FIELDS = [
  [345, 'prefix'],
  [265, 'owner names or device numbers'],
  [257, 'magic'],
  [157, 'link target'],
  [156, 'type'],
  [136, 'time'],
  [124, 'size'],
  [108, 'owner ids'],
  [100, 'mode'],
  [0, 'name'],
] as const;

/** Nothing but zeros: the archive ends here. */
export function isZeroBlock(block: Buffer): boolean {
  return block.equals(Buffer.alloc(block.length));
}

/**
 * Bytes that belong to this header but follow its first block: 0 for a plain one, the records and the
 * second block for one with a PAX header. Throws QxError `malformed` when it asks for too many.
 */
export function headerRest(block: Buffer): number {
  const header = decodeBlock(block);
  if (header.typeKey !== 'x') return 0;
  const size = header.size ?? 0;
  if (size === 0 || size > PAX_BYTES_MAX) {
    throw new QxError('malformed', 'tar: a PAX header of a size that nobody needs', {
      expected: `1 … ${PAX_BYTES_MAX} bytes`,
      found: `${size} bytes`,
    });
  }
  return size + padding(size) + BLOCK;
}

/**
 * A whole header, PAX blocks included, to its entry. Accepted is only what encodeHeader writes:
 * encodeHeader(decodeHeader(b)) equals b. Everything else throws QxError `malformed`.
 */
export function decodeHeader(bytes: Buffer): TarEntry {
  const header = decodeBlock(bytes.subarray(-BLOCK));
  const long = bytes.length > BLOCK ? paxRecords(bytes.subarray(0, -BLOCK)) : {};
  const path = long.path ?? header.path ?? '';
  const type = typeOf(header, path);
  refuseSetId(header, path);
  const entry: TarEntry = {
    path: entryPath(path, type),
    type,
    mode: header.mode ?? 0,
    size: type === 'file' ? (header.size ?? 0) : 0,
    ...(type === 'link' ? { linkTarget: long.linkpath ?? header.linkpath ?? '' } : {}),
  };
  refuseOtherBytes(bytes, encodeHeader(entry), path);
  return entry;
}

function decodeBlock(block: Buffer): Header {
  const header = parseBlock(block);
  if (header.cksumValid) return header;
  throw new QxError('malformed', 'tar: a header with a wrong checksum', {
    where: printable(header.path ?? ''),
  });
}

/** The class throws plain errors for numbers beyond octal that it cannot hold. */
function parseBlock(block: Buffer): Header {
  try {
    return new Header(block, 0);
  } catch (cause) {
    throw new QxError('malformed', 'tar: a header that cannot be read', { cause });
  }
}

function typeOf(header: Header, path: string): TarEntry['type'] {
  // The class calls a file whose name ends with a slash a folder; the byte itself decides here.
  const type = TYPES[header.typeKey];
  if (type !== undefined) return type;
  const found = REFUSED_TYPES[header.typeKey] ?? `type ${printable(header.typeKey)}`;
  throw new QxError(
    'malformed',
    'tar: neither a plain file, a folder nor a symbolic link',
    {
      where: printable(path),
      found,
    },
  );
}

function refuseSetId(header: Header, path: string): void {
  const mode = header.mode ?? 0;
  if ((mode & ~0o777) === 0) return;
  throw new QxError('malformed', 'tar: a mode with set-id or sticky bits', {
    where: printable(path),
    found: mode.toString(8),
  });
}

/** "./bin/" → "bin". A name without "./" keeps what it has, and the comparison refuses it. */
function entryPath(path: string, type: TarEntry['type']): string {
  const relative = path.startsWith('./') ? path.slice(2) : path;
  return type === 'directory' && relative.endsWith('/')
    ? relative.slice(0, -1)
    : relative;
}

function refuseOtherBytes(found: Buffer, expected: Buffer, path: string): void {
  if (found.equals(expected)) return;
  throw new QxError('malformed', 'tar: a header in another form than the canonical one', {
    where: printable(path),
    expected:
      'ustar, "./" names, mode 0644 or 0755, ids and time 0, no more than is needed',
    found: `another ${differingField(found, expected)}`,
  });
}

function differingField(found: Buffer, expected: Buffer): string {
  if (found.length !== expected.length) return 'number of header blocks';
  const head = found.length - BLOCK;
  if (!found.subarray(0, head).equals(expected.subarray(0, head))) return 'PAX header';
  // The checksum follows from the rest and says nothing by itself.
  const at = found.findIndex(
    (byte, index) =>
      byte !== expected[index] && (index - head < 148 || index - head > 155),
  );
  return FIELDS.find(([offset]) => at % BLOCK >= offset)?.[1] ?? 'field';
}

interface LongNames {
  path?: string;
  linkpath?: string;
}

/** "30 path=./some/name\n…": only the two keywords that the packer knows. */
function paxRecords(bytes: Buffer): LongNames {
  const size = decodeBlock(bytes.subarray(0, BLOCK)).size ?? 0;
  const names: LongNames = {};
  let rest = bytes.subarray(BLOCK, BLOCK + size);
  while (rest.length > 0) {
    const [, length = '', key = ''] =
      /^(\d{1,5}) ([^=]+)=/.exec(rest.toString('latin1', 0, 64)) ?? [];
    const end = Number(length);
    if (end === 0 || end > rest.length || (key !== 'path' && key !== 'linkpath')) {
      throw new QxError('malformed', 'tar: a PAX record other than path and linkpath', {
        found: printable(rest.toString('utf8', 0, 64)),
      });
    }
    names[key] = rest.toString('utf8', length.length + key.length + 2, end - 1);
    rest = rest.subarray(end);
  }
  return names;
}
