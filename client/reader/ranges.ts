/** Which bytes of a file a 206 carries. */
export interface ByteRange {
  start: number;
  /** Bytes of the whole file. */
  total: number;
}

type Headers = Record<string, string>;

/** Content-Length in bytes; undefined when it is absent or no number. */
export function parseLength(headers: Headers): number | undefined {
  const text = headers['content-length'] ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** "bytes 100-199/200", only when it reaches to the end of the file, as an open range must; null otherwise. */
export function parseRange(headers: Headers): ByteRange | null {
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(
    headers['content-range'] ?? '',
  );
  if (match === null) return null;
  const [start, end, total] = match.slice(1).map(Number) as [number, number, number];
  const length = parseLength(headers);
  if (start > end || end !== total - 1) return null;
  return length === undefined || length === total - start ? { start, total } : null;
}

/** The size of the file that a 416 names, "bytes *" + "/200"; undefined when it does not. */
export function unsatisfiedTotal(headers: Headers): number | undefined {
  const match = /^bytes \*\/(\d{1,15})$/.exec(headers['content-range'] ?? '');
  return match === null ? undefined : Number(match[1]);
}
