import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { QxError } from '../format/error.ts';
import type { Effects, Files, OpenFile } from '../effects/effects.ts';
import type { BodyReply, Fetched, Source } from './source.ts';
import { safePath } from './paths.ts';
import { withRetries } from './retry.ts';

const PIECE_BYTES = 256 * 1024;

/** The tree in a local folder: a USB stick, a mounted share, a test. */
export function fileSource(
  effects: Pick<Effects, 'files' | 'clock' | 'random'>,
  folder: string,
  retries: number,
): Source {
  const { files } = effects;
  const base = pathToFileURL(folder).href;
  const locate = (path: string): [string, string] => {
    const file = join(folder, safePath(path));
    return [file, pathToFileURL(file).href];
  };
  return {
    base,
    async get(path, options): Promise<Fetched> {
      options.signal?.throwIfAborted();
      const [file, url] = locate(path);
      const bytes = await orMissing(url, () => files.read(file, options.maxBytes));
      return bytes === null ? { status: 'missing' } : { status: 'found', bytes, url };
    },
    async stream(path, options): Promise<BodyReply | null> {
      options.signal?.throwIfAborted();
      const [file, url] = locate(path);
      const size = await orMissing(url, () => fileSize(files, file));
      if (size === null) return null;
      const start = options.from <= size ? options.from : 0;
      const body = pieces(files, file, { url, start, size, signal: options.signal });
      return { start, total: size, body, url };
    },
    retry: (signal, attempt, least = 0) =>
      withRetries(effects, Math.max(retries, least), signal, attempt),
  };
}

async function fileSize(files: Files, path: string): Promise<number | null> {
  const info = await files.info(await files.realPath(path));
  return info?.type === 'file' ? info.size : null;
}

interface Span {
  url: string;
  start: number;
  size: number;
  signal: AbortSignal | undefined;
}

async function* pieces(
  files: Files,
  path: string,
  span: Span,
): AsyncGenerator<Uint8Array> {
  const { url } = span;
  const file = await orMissing(url, () => files.open(path, 'read'));
  if (file === null) throw trouble(url, new Error('the file is gone'));
  try {
    for (let position = span.start; position < span.size;) {
      span.signal?.throwIfAborted();
      const piece = await readPiece(file, position, span);
      position += piece.length;
      yield piece;
    }
  } finally {
    await file.close();
  }
}

/** A new buffer for each piece: whoever takes them may keep them. */
async function readPiece(
  file: OpenFile,
  position: number,
  span: Span,
): Promise<Uint8Array> {
  const buffer = Buffer.allocUnsafe(Math.min(PIECE_BYTES, span.size - position));
  const count = await orMissing(span.url, () => file.read(buffer, position));
  if (count) return buffer.subarray(0, count);
  throw trouble(span.url, new Error('the file became shorter while it was read'));
}

/** Null where no file is; any other trouble is a QxError `disk`. */
async function orMissing<T>(url: string, work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof QxError) throw error;
    const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return null;
    throw trouble(url, error);
  }
}

function trouble(url: string, cause: unknown): QxError {
  return new QxError('disk', 'the file cannot be read', {
    where: url,
    expected: 'a readable file',
    found: cause instanceof Error ? cause.message : String(cause),
    cause,
  });
}
