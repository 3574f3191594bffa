import { join } from 'node:path';
import type { Files, OpenFile } from '../effects/effects.ts';
import { QxError, printable } from '../format/error.ts';
import { LIMITS } from '../format/limits.ts';
import { decodeHeader, headerRest, isZeroBlock } from '../format/tar-header.ts';
import { BLOCK, TAR_END, type TarEntry, compareEntries, padding } from '../format/tar.ts';
import { PieceReader, cutShort } from './pieces.ts';

/** Small pieces are gathered up to this size before they are written. */
const WRITE_BYTES = 1024 * 1024;

/**
 * Makes the folder `destination` from a canonical tar: plain files with 0644 or 0755, folders with 0755,
 * relative links that stay inside. What our own packer would never write is refused even where it would do
 * no harm (another order, owners, times, padding behind the end): the folder is packed again when its digest
 * is asked for, and must then give the same bytes.
 *
 * `destination` must not exist; its parent is trusted. Stops at the first fault and leaves what was made
 * until then to the caller, as it does with syncTree() behind a success.
 *
 * Throws QxError `malformed` for an archive that is refused, `digest` where it is shorter than its headers
 * say, and errors of the disk and of `body` as they are.
 */
export async function unpackFolder(
  files: Files,
  body: AsyncIterable<Uint8Array>,
  destination: string,
): Promise<void> {
  if ((await files.info(destination)) !== null) {
    throw new QxError('defect', 'the folder to unpack to exists', { where: destination });
  }
  const reader = new PieceReader(body);
  const writer = new FolderWriter(files, destination);
  try {
    await writer.makeFolder(destination);
    for await (const entry of entriesOf(reader)) await writer.add(entry, reader);
  } finally {
    await reader.close();
  }
}

/** The entries in their order; the taker of an entry reads its body before it asks for the next. */
async function* entriesOf(reader: PieceReader): AsyncGenerator<TarEntry> {
  let previous: TarEntry | undefined;
  for (let count = 1; ; count += 1) {
    const first = await reader.exactly(BLOCK);
    if (first === null) throw cutShort(TAR_END.length, 0);
    if (isZeroBlock(first)) break;
    if (count > LIMITS.folderEntries) {
      throw new QxError('malformed', `tar: more than ${LIMITS.folderEntries} entries`);
    }
    const entry = decodeHeader(await wholeHeader(first, reader));
    refuseOrder(previous, entry);
    yield entry;
    previous = entry;
  }
  await readEnd(reader);
}

async function wholeHeader(first: Buffer, reader: PieceReader): Promise<Buffer> {
  const count = headerRest(first);
  if (count === 0) return first;
  const rest = await reader.exactly(count);
  if (rest === null) throw cutShort(count, 0);
  return Buffer.concat([first, rest]);
}

/** In the one order nothing can stand twice, and a folder stands before what is in it. */
function refuseOrder(previous: TarEntry | undefined, entry: TarEntry): void {
  if (previous === undefined) return;
  const order = compareEntries(previous, entry);
  if (order < 0) return;
  throw new QxError(
    'malformed',
    `tar: ${order === 0 ? 'one name twice' : 'not sorted by name'}`,
    {
      where: printable(entry.path),
      ...(order === 0 ? {} : { found: `after ${printable(previous.path)}` }),
    },
  );
}

/** The first zero block has been read; one more follows, and nothing after it. */
async function readEnd(reader: PieceReader): Promise<void> {
  const second = await reader.exactly(BLOCK);
  if (second === null) throw cutShort(BLOCK, 0);
  const more = await reader.upTo(1);
  if (isZeroBlock(second) && more.length === 0) return;
  throw new QxError('malformed', 'tar: something follows the end of the archive');
}

class FolderWriter {
  readonly #files: Files;
  readonly #root: string;
  /** What each path is so far, the folder itself as "". */
  readonly #types = new Map<string, TarEntry['type']>([['', 'directory']]);
  readonly #buffer = Buffer.allocUnsafe(WRITE_BYTES);

  constructor(files: Files, root: string) {
    this.#files = files;
    this.#root = root;
  }

  async add(entry: TarEntry, reader: PieceReader): Promise<void> {
    this.#claim(entry);
    const path = join(this.#root, entry.path);
    if (entry.type === 'directory') await this.makeFolder(path);
    else if (entry.type === 'link')
      await this.#files.makeLink(entry.linkTarget ?? '', path);
    else await this.#writeFile(path, entry, reader);
  }

  async makeFolder(path: string): Promise<void> {
    await this.#files.makeDirectory(path, 0o755);
    await this.#files.setMode(path, 0o755);
  }

  /** Nothing is written through anything but a folder that this run has made itself. */
  #claim(entry: TarEntry): void {
    const there = this.#types.get(entry.path);
    if (there !== undefined) {
      throw new QxError('malformed', 'tar: one name twice', {
        where: printable(entry.path),
        found: `a ${there} and a ${entry.type}`,
      });
    }
    const parent = entry.path.slice(0, Math.max(entry.path.lastIndexOf('/'), 0));
    const type = this.#types.get(parent);
    if (type !== 'directory') {
      throw new QxError(
        'malformed',
        'tar: an entry whose parent is no folder of the archive',
        {
          where: printable(entry.path),
          found:
            type === undefined ? 'no entry for the parent' : `the parent is a ${type}`,
        },
      );
    }
    this.#types.set(entry.path, entry.type);
  }

  async #writeFile(path: string, entry: TarEntry, reader: PieceReader): Promise<void> {
    const file = await this.#files.open(path, 'create', entry.mode);
    try {
      await this.#copy(entry, reader, file);
    } finally {
      await file.close();
    }
    await readPadding(entry, reader);
  }

  async #copy(entry: TarEntry, reader: PieceReader, file: OpenFile): Promise<void> {
    let filled = 0;
    for (let left = entry.size; left > 0;) {
      const piece = await reader.upTo(Math.min(left, WRITE_BYTES - filled));
      if (piece.length === 0) throw cutShort(left, 0, printable(entry.path));
      left -= piece.length;
      if (filled === 0 && left === 0) return file.write(piece);
      this.#buffer.set(piece, filled);
      filled += piece.length;
      if (filled < WRITE_BYTES && left > 0) continue;
      await file.write(this.#buffer.subarray(0, filled));
      filled = 0;
    }
  }
}

async function readPadding(entry: TarEntry, reader: PieceReader): Promise<void> {
  const count = padding(entry.size);
  if (count === 0) return;
  const zeros = await reader.exactly(count);
  if (zeros === null) throw cutShort(count, 0, printable(entry.path));
  if (isZeroBlock(zeros)) return;
  throw new QxError('malformed', 'tar: something else than zeros behind a file', {
    where: printable(entry.path),
  });
}

/**
 * Every file and folder below `path`, itself included, survives a power cut afterwards:
 * fsync of each file, and of each folder once what is in it has been synced. Links are part of their folder.
 */
export async function syncTree(files: Files, path: string): Promise<void> {
  const info = await files.info(path);
  if (info?.type === 'file') await syncFile(files, path);
  if (info?.type !== 'directory') return;
  for (const name of await files.list(path)) await syncTree(files, join(path, name));
  await files.syncDirectory(path);
}

async function syncFile(files: Files, path: string): Promise<void> {
  const file = await files.open(path, 'read');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
