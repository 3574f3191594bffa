import { QxError, printable } from './error.ts';
import { LIMITS } from './limits.ts';

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const COLON = /[ \t\r\n]*:/y;
const PLAIN_STRING = /"[^"\\\0-\x1f]*"/y;
/** What this does not look at. */
const REST = /[^{}[\]"0-9-]+/y;
const FORBIDDEN_KEYS: readonly string[] = ['__proto__', 'constructor', 'prototype'];

/**
 * JSON.parse for bytes that nobody vouches for yet. What JSON.parse would take with a shrug is refused first:
 * a byte order mark, invalid UTF-8, a key that stands twice in one object, more than 16 levels,
 * a number that a double cannot hold exactly, NUL or a lone surrogate in a string, the keys `__proto__`,
 * `constructor` and `prototype` (a record passes over them without a word).
 *
 * Throws QxError `malformed`; `what` names the document in the message.
 */
export function parseStrictJson(
  bytes: Uint8Array,
  what: string,
  maxBytes: number,
  where?: string,
): unknown {
  const refuse = (message: string, found?: string): never => {
    throw new QxError('malformed', `${what}: ${message}`, { where, found });
  };
  if (bytes.length > maxBytes)
    refuse(`larger than ${maxBytes} bytes`, `${bytes.length} bytes`);
  const text = decodeUtf8(bytes, refuse);
  scan(text, refuse);
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new QxError('malformed', `${what}: not JSON`, {
      where,
      found: printable(reasonOf(cause, text), 160),
      cause,
    });
  }
}

/** Why it is none, for a person who edited it: V8 counts characters, or shows the place. */
function reasonOf(cause: unknown, text: string): string {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const offset = /^(.*) in JSON at position (\d+)/.exec(reason);
  if (offset === null) return reason;
  const lines = text.slice(0, Number(offset[2])).split('\n');
  return `${offset[1]} at line ${lines.length}, column ${(lines.at(-1) ?? '').length + 1}`;
}

type Refuse = (message: string, found?: string) => never;

function decodeUtf8(bytes: Uint8Array, refuse: Refuse): string {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    refuse('begins with a byte order mark');
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return refuse('not valid UTF-8');
  }
}

/** One pass over the tokens. Grammar is left to JSON.parse; this sees only what JSON.parse forgives. */
function scan(text: string, refuse: Refuse): void {
  const open: (Set<string> | null)[] = [];
  let at = 0;
  while (at < text.length) {
    const c = text[at];
    if (c === '{' || c === '[') {
      if (open.length >= LIMITS.jsonDepth)
        refuse(`nested deeper than ${LIMITS.jsonDepth} levels`);
      open.push(c === '{' ? new Set() : null);
      at += 1;
    } else if (c === '}' || c === ']') {
      open.pop();
      at += 1;
    } else if (c === '"') {
      const end = stringEnd(text, at, refuse);
      const keys = open.at(-1);
      COLON.lastIndex = end;
      if (keys && COLON.test(text)) addKey(keys, text.slice(at, end), refuse);
      at = end;
    } else if (c === '-' || (c !== undefined && c >= '0' && c <= '9')) {
      at = numberEnd(text, at, refuse);
    } else {
      REST.lastIndex = at;
      REST.test(text);
      at = REST.lastIndex;
    }
  }
}

function addKey(keys: Set<string>, literal: string, refuse: Refuse): void {
  const key = literal.includes('\\')
    ? decodeString(literal, refuse)
    : literal.slice(1, -1);
  if (keys.has(key)) refuse('a key stands twice in one object', printable(key));
  if (FORBIDDEN_KEYS.includes(key)) refuse('a key that is not allowed', key);
  if (keys.size >= LIMITS.jsonKeysPerObject) refuse('too many keys in one object');
  keys.add(key);
}

/** A string without an escape or a control character can hold nothing that is refused here. */
function stringEnd(text: string, start: number, refuse: Refuse): number {
  PLAIN_STRING.lastIndex = start;
  if (PLAIN_STRING.test(text)) return PLAIN_STRING.lastIndex;
  let at = start + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  if (at >= text.length) refuse('a string does not end');
  const value = decodeString(text.slice(start, at + 1), refuse);
  if (value.includes('\0')) refuse('a null byte in a string');
  if (!value.isWellFormed()) refuse('half a surrogate pair in a string');
  return at + 1;
}

function decodeString(literal: string, refuse: Refuse): string {
  try {
    return JSON.parse(literal) as string;
  } catch {
    return refuse('a string that is not JSON', printable(literal, 40));
  }
}

function numberEnd(text: string, start: number, refuse: Refuse): number {
  NUMBER.lastIndex = start;
  const literal = NUMBER.exec(text)?.[0];
  if (literal === undefined) return start + 1;
  if (!isHeldExactly(literal)) {
    refuse('a number that cannot be held exactly', printable(literal, 40));
  }
  return start + literal.length;
}

/** Whole numbers up to 2^53 - 1; others with 15 digits at the most, which every reader takes for the same. */
function isHeldExactly(literal: string): boolean {
  const value = Number(literal);
  if (Math.abs(value) > Number.MAX_SAFE_INTEGER || Object.is(value, -0)) return false;
  if (/^-?\d+$/.test(literal)) return true;
  const digits = literal
    .replace(/[eE].*$/, '')
    .replace(/[-.]/g, '')
    .replace(/^0+/, '');
  return digits.length <= 15 && (value !== 0 || digits === '');
}
