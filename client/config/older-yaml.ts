import { QxError, printable } from '../format/error.ts';

/** A value of the section, and where it stands. */
export interface YamlEntry {
  value: string | number | boolean;
  line: number;
}

/**
 * The `updates:` section of the older node.yaml: flat, one `key: value` a line. No YAML library fits into a client
 * that every cron tick reads (the common one alone is 160 kB), so this knows that section and nothing else, and
 * what it does not know it refuses with the line instead of guessing. Keys without a value are left out.
 *
 * QxError `config` with "file:line"; null where there is no such section.
 */
export function readUpdatesSection(
  text: string,
  path: string,
): Map<string, YamlEntry> | null {
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/);
  const at = findSection(lines, path);
  if (at === null) return null;
  const entries = new Map<string, YamlEntry>();
  const seen = new Set<string>();
  let indent: number | null = null;
  for (const [index, line] of lines.entries()) {
    if (index <= at || isNothing(line)) continue;
    const refuse = refuseAt(path, index + 1, line);
    if (/^\s*\t/.test(line)) refuse('a tab where YAML wants spaces');
    const depth = line.search(/\S/);
    if (depth === 0 && !line.startsWith('-')) break;
    indent ??= depth;
    if (depth !== indent) refuse('another indentation than the lines before');
    const [key, value] = parseEntry(line.trim(), refuse);
    if (seen.has(key)) refuse('a key that stands twice');
    seen.add(key);
    if (value !== null) entries.set(key, { value, line: index + 1 });
  }
  return entries;
}

type Refuse = (message: string) => never;

function refuseAt(path: string, line: number, found: string): Refuse {
  return (message) => {
    throw new QxError('config', message, {
      where: `${path}:${line}`,
      expected: 'one "key: value" a line below updates:',
      found: printable(found.trim()),
    });
  };
}

/** Blank, or nothing but a comment. */
function isNothing(line: string): boolean {
  return /^[ \t]*(?:#.*)?$/.test(line);
}

/** Only a key at the very left is one of the file itself: everything below another key is indented. */
function findSection(lines: readonly string[], path: string): number | null {
  let found: number | null = null;
  let begun = false;
  for (const [index, line] of lines.entries()) {
    const refuse = refuseAt(path, index + 1, line);
    if (/^---(?:\s|$)/.test(line) && begun) refuse('a second document');
    if (isNothing(line) || /^(?:---|\.\.\.)/.test(line)) continue;
    begun = true;
    const rest = /^(?:updates|"updates"|'updates')\s*:(.*)$/.exec(line)?.[1];
    if (rest === undefined) continue;
    if (found !== null) refuse('a section that stands twice');
    if (!/^\s*(?:$|\s#|#)/.test(rest)) refuse('a section that is no list of lines');
    found = index;
  }
  return found;
}

const ENTRY = /^(?:([A-Za-z_][\w-]*)|"([\w-]+)"|'([\w-]+)')\s*:(?:\s+(.*))?$/;

function parseEntry(line: string, refuse: Refuse): [string, YamlEntry['value'] | null] {
  const [, plain, double, single, rest = ''] = ENTRY.exec(line) ?? [];
  const key = plain ?? double ?? single;
  if (key === undefined) return refuse('not a key with a value');
  return [key, parseScalar(rest.trim(), refuse)];
}

/** Null for no value. */
function parseScalar(text: string, refuse: Refuse): YamlEntry['value'] | null {
  if (text.startsWith('"') || text.startsWith("'")) return parseQuoted(text, refuse);
  const plain = text.replace(/(?:^|\s+)#.*$/, '');
  if (/^(?:~|null|Null|NULL)?$/.test(plain)) return null;
  if (
    /^[&*!|>{}[\]%@`,?-](?:\s|$)|^[&*!|>{}[\]%@`,]/.test(plain) ||
    /:(?:\s|$)/.test(plain)
  )
    refuse('more YAML than this reads');
  if (/^(?:true|True|TRUE)$/.test(plain)) return true;
  if (/^(?:false|False|FALSE)$/.test(plain)) return false;
  return /^-?\d{1,15}$/.test(plain) ? Number(plain) : plain;
}

const ESCAPES: Readonly<Record<string, string>> = { '"': '"', '\\': '\\', '/': '/' };

/** Escapes other than these stand for characters that no value of the section has. */
function parseQuoted(text: string, refuse: Refuse): string {
  const double = /^"((?:[^"\\]|\\.)*)"(?:\s+#.*)?$/.exec(text)?.[1];
  if (double !== undefined)
    return double.replace(
      /\\(.)/g,
      (_, c: string) => ESCAPES[c] ?? refuse('an escape that this does not read'),
    );
  const single = /^'((?:[^']|'')*)'(?:\s+#.*)?$/.exec(text)?.[1];
  if (single !== undefined) return single.replaceAll("''", "'");
  return refuse('a quote that does not end on its line');
}
