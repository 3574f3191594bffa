import * as v from 'valibot';
import { QxError, printable } from './error.ts';
import { FORMAT } from './shapes.ts';
import { parseStrictJson } from './strict-json.ts';

type DocumentSchema = v.GenericSchema & {
  readonly entries: Readonly<Record<string, unknown>>;
};

export interface DocumentKind<S extends DocumentSchema> {
  /** Value of the field `type`. */
  type: string;
  schema: S;
  maxBytes: number;
}

/**
 * Bytes to a value. Unknown fields are dropped unless `critical` names them.
 *
 * Throws QxError `malformed` (not JSON, another type, a field that does not fit) or
 * `too-new` (another `format`, or a critical field that this code does not know).
 */
export function parseDocument<S extends DocumentSchema>(
  kind: DocumentKind<S>,
  bytes: Uint8Array,
  where?: string,
): v.InferOutput<S> {
  const raw = asObject(
    parseStrictJson(bytes, kind.type, kind.maxBytes, where),
    kind.type,
    where,
  );
  if (raw.type !== kind.type) {
    throw new QxError('malformed', 'a document of another type', {
      where,
      expected: `type "${kind.type}"`,
      found: printable(raw.type ?? 'nothing'),
    });
  }
  if (raw.format !== FORMAT) refuseFormat(kind.type, raw.format, where);
  refuseCritical(kind, raw.critical, where);
  return parseShape(kind.schema, raw, kind.type, where);
}

/** The one encoding of a value: fields in the order of the schema, two spaces, a final line feed. */
export function encodeDocument<S extends DocumentSchema>(
  kind: DocumentKind<S>,
  value: v.InferInput<S>,
): Buffer {
  const ordered = parseShape(kind.schema, value, kind.type);
  const bytes = Buffer.from(`${JSON.stringify(ordered, null, 2)}\n`);
  // Nothing is written that could not be read again: size, depth, numbers, half surrogate pairs.
  parseStrictJson(bytes, kind.type, kind.maxBytes);
  return bytes;
}

/** `value` held against a schema; QxError `malformed` names the first field that does not fit. */
export function parseShape<S extends v.GenericSchema>(
  schema: S,
  value: unknown,
  what: string,
  where?: string,
): v.InferOutput<S> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const issue = result.issues[0];
  const field = v.getDotPath(issue);
  throw new QxError(
    'malformed',
    field === null ? `${what}: does not fit` : `${what}: ${printable(field)}`,
    {
      where,
      expected: expectedOf(issue),
      found: issue.input === undefined ? 'nothing' : printable(issue.input),
    },
  );
}

/** What would have fitted, in words. */
export function expectedOf(issue: v.BaseIssue<unknown>): string {
  if (issue.input === undefined) return 'a value';
  return issue.message.startsWith('Invalid')
    ? (issue.expected ?? issue.message)
    : issue.message;
}

function asObject(raw: unknown, what: string, where?: string): Record<string, unknown> {
  if (typeof raw === 'object' && raw !== null && !Array.isArray(raw)) {
    return raw as Record<string, unknown>;
  }
  throw new QxError('malformed', `${what}: not an object`, {
    where,
    found: printable(raw),
  });
}

function refuseFormat(type: string, format: unknown, where?: string): never {
  if (typeof format !== 'number' || !Number.isSafeInteger(format) || format < 1) {
    throw new QxError('malformed', `${type}: format`, {
      where,
      expected: `${FORMAT}`,
      found: printable(JSON.stringify(format) ?? 'nothing'),
    });
  }
  throw new QxError('too-new', `${type}: a format that this version does not read`, {
    where,
    expected: `format ${FORMAT}`,
    found: `format ${format}`,
    hint: 'update qx-update itself first',
  });
}

function refuseCritical(
  kind: DocumentKind<DocumentSchema>,
  critical: unknown,
  where?: string,
): void {
  if (!Array.isArray(critical)) return;
  const unknown = critical.filter(
    (field) => typeof field === 'string' && !Object.hasOwn(kind.schema.entries, field),
  );
  if (unknown.length === 0) return;
  throw new QxError(
    'too-new',
    `${kind.type}: a critical field that this version does not know`,
    {
      where,
      found: printable(unknown[0]),
      hint: 'update qx-update itself first',
    },
  );
}
