import type { FileInfo } from '../../client/effects/effects.ts';
import { isImmutable } from '../../client/format/tree.ts';

/** What is asked of one file; header names in lower case. */
export interface Asked {
  /** Relative to the tree. */
  path: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface Reply {
  status: 200 | 206 | 304 | 416;
  headers: Record<string, string>;
  /** Bytes `start` to below `end` of the file. */
  start: number;
  end: number;
}

const TYPES: Record<string, string> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  json: 'application/json',
  svg: 'image/svg+xml',
  png: 'image/png',
  ico: 'image/x-icon',
  minisig: 'text/plain; charset=utf-8',
  pub: 'text/plain; charset=utf-8',
  txt: 'text/plain; charset=utf-8',
};

/** The reply to a request for a file that is there: status, headers and which of its bytes. Pure. */
export function replyFor(asked: Asked, info: FileInfo): Reply {
  const etag = etagOf(info);
  const headers = {
    'accept-ranges': 'bytes',
    'cache-control': cacheControl(asked.path),
    etag,
    'last-modified': new Date(info.modifiedMs).toUTCString(),
  };
  if (isUnchanged(asked, etag, info)) return { status: 304, headers, start: 0, end: 0 };
  const type = TYPES[asked.path.split('.').at(-1) ?? ''] ?? 'application/octet-stream';
  const described = { ...headers, 'content-type': type };
  const range = isRangeWanted(asked, etag, info)
    ? parseRange(one(asked, 'range'), info.size)
    : null;
  if (range === 'unsatisfiable') {
    const refused = {
      ...headers,
      'content-range': `bytes */${info.size}`,
      'content-length': '0',
    };
    return { status: 416, headers: refused, start: 0, end: 0 };
  }
  const { start, end } = range ?? { start: 0, end: info.size };
  const length = { ...described, 'content-length': `${end - start}` };
  if (range === null) return { status: 200, headers: length, start, end };
  const partial = {
    ...length,
    'content-range': `bytes ${start}-${end - 1}/${info.size}`,
  };
  return { status: 206, headers: partial, start, end };
}

/** As repo-template's nginx.conf says it. */
function cacheControl(path: string): string {
  return isImmutable(path) ? 'public, max-age=31536000, immutable' : 'no-cache';
}

/** Like nginx's: time and size. */
function etagOf({ modifiedMs, size }: FileInfo): string {
  return `"${Math.floor(modifiedMs).toString(16)}-${size.toString(16)}"`;
}

function one({ headers }: Asked, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** If-None-Match decides alone where it stands (RFC 9110, 13.2.2). */
function isUnchanged(asked: Asked, etag: string, info: FileInfo): boolean {
  const tags = one(asked, 'if-none-match');
  if (tags !== undefined) {
    const known = tags.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
    return known.includes(etag) || known.includes('*');
  }
  const since = Date.parse(one(asked, 'if-modified-since') ?? '');
  return !Number.isNaN(since) && seconds(info.modifiedMs) <= seconds(since);
}

/** A range of a file that has changed since is no range of this one: then all of it is sent. */
function isRangeWanted(asked: Asked, etag: string, info: FileInfo): boolean {
  const condition = one(asked, 'if-range');
  if (condition === undefined || condition === etag) return true;
  return seconds(Date.parse(condition)) === seconds(info.modifiedMs);
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}

/** One range of bytes. Several, other units and nonsense are passed over, as the standard allows. */
function parseRange(
  header: string | undefined,
  size: number,
): { start: number; end: number } | 'unsatisfiable' | null {
  const [, first = '', last = ''] =
    /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '') ?? [];
  if (first === '' && last === '') return null;
  if (first === '') {
    const count = Math.min(Number(last), size);
    return count === 0 ? 'unsatisfiable' : { start: size - count, end: size };
  }
  const start = Number(first);
  const end = last === '' ? size : Math.min(Number(last) + 1, size);
  if (last !== '' && Number(last) < start) return null;
  return start >= size ? 'unsatisfiable' : { start, end };
}
