import { readdirSync, readFileSync } from 'node:fs';
import type { Code } from '../../client/format/error.ts';

const DOCUMENTS = new URL('../vectors/documents/', import.meta.url);

/** Bytes of an accepted vector: `accepted('pointer-full')`. */
export function accepted(name: string): Buffer {
  return readFileSync(new URL(`accepted/${name}.json`, DOCUMENTS));
}

/** Names of all accepted vectors, or of those of one type. */
export function acceptedNames(type = ''): string[] {
  const files = readdirSync(new URL('accepted/', DOCUMENTS));
  const names = files.map((file) => file.replace(/\.json$/, ''));
  return names.filter((name) => type === '' || name.split('-')[0] === type).sort();
}

export interface Edit {
  /** New values by dotted path: "roles.root.threshold", "components.1". */
  set?: Record<string, unknown>;
  /** Dotted paths. */
  remove?: string[];
}

/** An accepted vector after an edit. */
export function edited(name: string, edit: Edit): Buffer {
  const document = JSON.parse(accepted(name).toString()) as Record<string, unknown>;
  for (const path of edit.remove ?? []) {
    const [parent, key] = place(document, path);
    Reflect.deleteProperty(parent, key);
  }
  for (const [path, value] of Object.entries(edit.set ?? {})) {
    const [parent, key] = place(document, path);
    parent[key] = value;
  }
  return Buffer.from(JSON.stringify(document));
}

/** A row of a table of refused documents. */
export interface Refused extends Edit {
  reason: string;
  /** The accepted vector that is edited. */
  from: string;
  code: Code;
  /** A part of what the refusal says. */
  says: string;
  /** True where a JSON Schema cannot see it. */
  beyond_schema?: boolean;
  bytes: Buffer;
}

/** The rows of refused/<type>.json, each with the bytes that it describes. */
export function refused(type: string): Refused[] {
  const text = readFileSync(new URL(`refused/${type}.json`, DOCUMENTS), 'utf8');
  const rows = JSON.parse(text) as Omit<Refused, 'bytes'>[];
  return rows.map((row) => ({ ...row, bytes: edited(row.from, row) }));
}

function place(document: object, path: string): [Record<string, unknown>, string] {
  const keys = path.split('.');
  const last = keys.pop() ?? '';
  const parent = keys.reduce<unknown>(
    (value, key) => (value as Record<string, unknown>)[key],
    document,
  );
  return [parent as Record<string, unknown>, last];
}
