import { QxError, printable } from '../error.ts';

export const UNTRUSTED_PREFIX = 'untrusted comment: ';
export const TRUSTED_PREFIX = 'trusted comment: ';

/** Of an untrusted comment without its prefix; the stock tool reads no longer line. */
const UNTRUSTED_BYTES_MAX = 1023 - UNTRUSTED_PREFIX.length;

/**
 * Lines as latin1 text, one character a byte, because a comment need not be UTF-8.
 * What an editor or a copy changes is forgiven: CRLF, empty lines, no line feed at the end.
 * Throws QxError `malformed` for more than `maxBytes`, and for a NUL or a CR inside a line:
 * the stock tool ends a comment there and would read another text than we do.
 */
export function splitLines(bytes: Uint8Array, maxBytes: number, what: string): string[] {
  if (bytes.length > maxBytes) {
    throw new QxError('malformed', `${what}: larger than ${maxBytes} bytes`, {
      found: `${bytes.length} bytes`,
    });
  }
  const lines = Buffer.from(bytes)
    .toString('latin1')
    .split('\n')
    .map((line) => line.replace(/\r$/, ''))
    .filter((line) => line !== '');
  const odd = lines.find(endsEarly);
  if (odd !== undefined) {
    throw new QxError('malformed', `${what}: a control character in a line`, {
      found: printable(odd),
    });
  }
  return lines;
}

/** What follows `prefix`, as bytes. Throws QxError `malformed` for a line that begins otherwise. */
export function commentOf(
  line: string | undefined,
  prefix: string,
  what: string,
): Buffer {
  if (line?.startsWith(prefix)) return Buffer.from(line.slice(prefix.length), 'latin1');
  throw new QxError('malformed', `${what}: a comment line is missing`, {
    expected: `a line that begins "${prefix}"`,
    found: line === undefined ? 'the end' : printable(line, 60),
  });
}

/** The same comment, when it is one that every reader takes as one line; QxError `malformed` if not. */
export function checkComment(
  comment: Uint8Array,
  maxBytes: number,
  what: string,
): Buffer {
  const bytes = Buffer.from(comment);
  const text = bytes.toString('latin1');
  if (bytes.length <= maxBytes && !endsEarly(text) && !text.includes('\n')) return bytes;
  throw new QxError('malformed', `${what}: a comment that is not one short line`, {
    expected: `at most ${maxBytes} bytes without line feed, CR or NUL`,
    found: `${bytes.length} bytes: ${printable(bytes.toString(), 60)}`,
  });
}

export function checkUntrustedComment(comment: Uint8Array, what: string): Buffer {
  return checkComment(comment, UNTRUSTED_BYTES_MAX, what);
}

function endsEarly(line: string): boolean {
  return line.includes('\0') || line.includes('\r');
}
