import valid from 'semver/functions/valid.js';
import validRange from 'semver/ranges/valid.js';
import * as v from 'valibot';
import { LIMITS } from './limits.ts';

/** The small shapes that the documents share. Each says in its message what was expected. */

const NAME = /^[a-z0-9][a-z0-9._-]*$/;
const PRE_RELEASE = /(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)/.source;
const SEMVER = new RegExp(
  String.raw`^(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-${PRE_RELEASE}(?:\.${PRE_RELEASE})*)?$`,
);
/** What a time looks like; whether the day exists is another question. */
export const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

/** Product, channel, component, architecture, repository: lower case, safe in every path and URL. */
export const name = v.pipe(
  v.string(),
  v.maxLength(
    LIMITS.nameCharacters,
    `a name of at most ${LIMITS.nameCharacters} characters`,
  ),
  v.regex(NAME, 'a name like "qx-node" (a-z, 0-9, ".", "_", "-")'),
  // As keys of a record these two would be lost in silence.
  v.notValues(
    ['constructor', 'prototype'],
    'another name than "constructor" or "prototype"',
  ),
);

/** A semantic version without build metadata, written as semver itself would write it. */
export const version = v.pipe(
  v.string(),
  v.maxLength(LIMITS.versionCharacters),
  v.regex(SEMVER, 'a version like "1.4.2" or "1.5.0-dev.3"'),
  v.check((text) => valid(text) === text, 'a semantic version'),
);

export const versionRange = v.pipe(
  v.string(),
  v.maxLength(256),
  v.check(
    (text) => validRange(text) !== null,
    'a range of versions like ">=1.2.0 <2.0.0"',
  ),
);

/** SHA-256 in 64 lower-case hexadecimal digits. */
export const sha256 = v.pipe(
  v.string(),
  v.regex(/^[0-9a-f]{64}$/, 'a SHA-256 in lower-case hex'),
);

/** A whole number that a double holds exactly. */
export const whole = v.pipe(
  v.number(),
  v.safeInteger('a whole number'),
  v.minValue(0, '0 or more'),
);
export const positive = v.pipe(
  v.number(),
  v.safeInteger('a whole number'),
  v.minValue(1, '1 or more'),
);

/** RFC 3339 in UTC to the second, "2026-02-28T23:59:59Z"; a date that does not exist is refused. */
export const time = v.pipe(
  v.string(),
  v.regex(TIME, 'a time like "2026-01-31T12:00:00Z"'),
  v.check((text) => isCalendarTime(text), 'a time that exists'),
);

function isCalendarTime(text: string): boolean {
  const at = Date.parse(text);
  return !Number.isNaN(at) && new Date(at).toISOString() === text.replace('Z', '.000Z');
}

/** Octal file mode without set-id or sticky bits, "0755". */
export const permissions = v.pipe(
  v.string(),
  v.regex(/^0[0-7]{3}$/, 'an octal mode like "0755"'),
);

/** An absolute path in its shortest form: no "..", no "//", no trailing slash, no control characters. */
export const absolutePath = v.pipe(
  v.string(),
  v.maxBytes(LIMITS.pathBytes, `a path of at most ${LIMITS.pathBytes} bytes`),
  v.regex(
    /^(?:\/(?!\.{1,2}(?:\/|$))[^/\u0000-\u001f\u007f-\u009f]+)+$/,
    'an absolute path without "..", like "/data/bin/qx-node"',
  ),
);

export const text = v.pipe(v.string(), v.maxLength(LIMITS.textCharacters));

/** `{sha256, size}` of bytes that are stored elsewhere; size in bytes. */
export const descriptor = v.object({ sha256, size: whole });

export type Descriptor = v.InferOutput<typeof descriptor>;

/** Manifests by architecture, `any` for all: one release; at least one. */
export const manifestsByArch = sortedRecord(name, descriptor, 16, 1);

/**
 * An object with free keys. It is read in any order and written in the order of its keys
 * (keys that are small whole numbers first, as in every JavaScript object), so that one value has one encoding.
 */
export function sortedRecord<
  K extends v.GenericSchema<string, string>,
  V extends v.GenericSchema,
>(key: K, value: V, maxEntries: number, minEntries = 0) {
  return v.pipe(
    // A record would take a list too, with "0", "1", … as its keys.
    v.custom<Record<string, v.InferInput<V>>>(isPlainObject, 'an object'),
    v.record(key, value),
    v.minEntries(minEntries, `at least ${minEntries} entries`),
    v.maxEntries(maxEntries, `at most ${maxEntries} entries`),
    v.transform((entries): Record<string, v.InferOutput<V>> =>
      Object.fromEntries(Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1))),
    ),
  );
}

function isPlainObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function listOf<T extends v.GenericSchema>(item: T, max: number) {
  return v.pipe(v.array(item), v.maxLength(max, `at most ${max} entries`));
}

/** What stands at the head of every signed document, so that a signature says what it is for. */
export function head<T extends string>(type: T) {
  return {
    type: v.literal(type),
    format: v.literal(FORMAT),
    repository: name,
    critical: v.exactOptional(listOf(text, 64)),
  };
}

/** The format number that this code reads and writes. */
export const FORMAT = 1;
