import { QxError, printable } from '../../client/format/error.ts';
import { LIMITS } from '../../client/format/limits.ts';
import { POINTER } from '../../client/format/pointer.ts';
import { parseStrictJson } from '../../client/format/strict-json.ts';
import type { StoredPointer } from '../tree/pointers.ts';
import { LAST_SERIAL } from '../workspace/serials.ts';
import type { PointerDraft } from './issue-pointer.ts';

/** What a person left in a pointer file: any of its fields, of which `version` is enough. */
export interface EditedPointer {
  draft: PointerDraft;
  /** What the file says, or 0; 0 too for one that nothing honest follows. */
  serial: number;
  raw: Record<string, unknown>;
}

const POLICY = [
  'critical',
  'rollout',
  'deadline',
  'rollback',
  'paused',
  'message',
  'via',
  'objects',
] as const;

/**
 * Reads a pointer as it was edited. QxError `malformed`: not JSON, of another place than the file,
 * without a version, or with a field that no pointer has, which is a slip of the pen more often than not.
 */
export function readEdited(stored: StoredPointer): EditedPointer {
  const { path, product, channel } = stored;
  const raw = parseAt(path, stored.bytes);
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    throw new QxError('malformed', 'pointer: not an object', { where: path });
  }
  const fields = raw as Record<string, unknown>;
  const stray = Object.keys(fields).find(
    (key) => !Object.hasOwn(POINTER.schema.entries, key),
  );
  if (stray !== undefined) {
    const expected = Object.keys(POINTER.schema.entries).join(', ');
    throw new QxError('malformed', 'pointer: a field that is not known', {
      where: path,
      expected,
      found: printable(stray),
    });
  }
  refuseOther(path, 'product', fields.product, product);
  refuseOther(path, 'channel', fields.channel, channel);
  if (typeof fields.version !== 'string') {
    throw new QxError('malformed', 'pointer: version', {
      where: path,
      expected: 'the version that the channel shall have',
      found: printable(fields.version ?? 'nothing'),
    });
  }
  const policy = Object.fromEntries(
    POLICY.filter((key) => Object.hasOwn(fields, key)).map((key) => [key, fields[key]]),
  );
  const draft = { ...policy, product, channel, version: fields.version } as PointerDraft;
  const serial = Number.isSafeInteger(fields.serial) ? Number(fields.serial) : 0;
  const isReal = serial > 0 && serial <= LAST_SERIAL;
  return { draft, serial: isReal ? serial : 0, raw: fields };
}

/** A slip of the editor is looked for in a file, so the error names it. */
function parseAt(path: string, bytes: Uint8Array): unknown {
  try {
    return parseStrictJson(bytes, 'pointer', LIMITS.pointerBytes);
  } catch (error) {
    throw error instanceof QxError ? error.with({ where: path }) : error;
  }
}

/** Field by field what a filled pointer has that the edited one had not, as one line each. */
export function filledIn(
  raw: Record<string, unknown>,
  bytes: Uint8Array,
): Record<string, unknown> {
  const filled = JSON.parse(Buffer.from(bytes).toString('utf8')) as Record<
    string,
    unknown
  >;
  return Object.fromEntries(
    Object.entries(filled).filter(
      ([key, value]) => JSON.stringify(raw[key]) !== JSON.stringify(value),
    ),
  );
}

function refuseOther(
  where: string,
  field: string,
  found: unknown,
  expected: string,
): void {
  if (found === undefined || found === expected) return;
  throw new QxError('malformed', `pointer: ${field} is not that of its place`, {
    where,
    expected,
    found: printable(found),
  });
}
