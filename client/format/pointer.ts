import * as v from 'valibot';
import { type DocumentKind, encodeDocument, parseDocument } from './document.ts';
import { QxError } from './error.ts';
import { LIMITS } from './limits.ts';
import {
  head,
  listOf,
  manifestsByArch,
  name,
  positive,
  text,
  time,
  version,
  versionRange,
} from './shapes.ts';

const percent = v.pipe(v.number(), v.minValue(0), v.maxValue(100));

/**
 * Percent of hosts at `start` and `hours` later, of everybody or of those in named groups. A share that shrinks
 * would let hosts through and shut them out again.
 */
const rollout = v.pipe(
  v.object({
    start: time,
    hours: v.pipe(v.number(), v.minValue(0), v.maxValue(24 * 365)),
    from: percent,
    to: percent,
    groups: v.exactOptional(listOf(name, 64)),
  }),
  v.check(({ from, to }) => from <= to, '"to" is not less than "from"'),
);

/** A stepping stone: hosts whose version is in `for` go to this release first. */
const via = v.object({
  version,
  release: positive,
  manifests: manifestsByArch,
  for: versionRange,
});

/** Object paths are appended to it: no query, no fragment, no user, nothing that needs escaping. */
const baseUrl = v.pipe(
  v.string(),
  v.maxLength(1024),
  v.regex(
    /^https?:\/\/[!$-;=A-Z[\]_a-z~]+$/,
    'an http(s) URL without query, fragment or user',
  ),
  v.check((url) => URL.canParse(url), 'an http(s) URL'),
);

export const pointerSchema = v.object({
  ...head('pointer'),
  product: name,
  channel: name,
  serial: positive,
  version,
  manifests: manifestsByArch,
  issued: time,
  expires: time,
  root: positive,
  rollout: v.exactOptional(rollout),
  deadline: v.exactOptional(time),
  rollback: v.exactOptional(v.boolean()),
  paused: v.exactOptional(v.boolean()),
  message: v.exactOptional(text),
  via: v.exactOptional(listOf(via, 32)),
  objects: v.exactOptional(listOf(baseUrl, 16)),
});

export type Pointer = v.InferOutput<typeof pointerSchema>;

export const POINTER: DocumentKind<typeof pointerSchema> = {
  type: 'pointer',
  schema: pointerSchema,
  maxBytes: LIMITS.pointerBytes,
};

const DAY_MS = 86_400_000;

/** A channel's pointer; it names at least one manifest and lives 400 days at the most. */
export function parsePointer(bytes: Uint8Array, where?: string): Pointer {
  const pointer = parseDocument(POINTER, bytes, where);
  const lifeDays = (Date.parse(pointer.expires) - Date.parse(pointer.issued)) / DAY_MS;
  if (lifeDays <= 0 || lifeDays > LIMITS.pointerLifeDays) {
    throw new QxError('malformed', 'pointer: expires', {
      where,
      expected: `after issued, by ${LIMITS.pointerLifeDays} days at the most`,
      found: `${pointer.issued} … ${pointer.expires}`,
    });
  }
  return pointer;
}

export function encodePointer(pointer: Pointer): Buffer {
  return encodeDocument(POINTER, pointer);
}
