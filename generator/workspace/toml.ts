import { TomlError, parse } from 'smol-toml';
import * as v from 'valibot';
import { QxError, printable } from '../../client/format/error.ts';

/**
 * A TOML file held against a schema. Throws QxError `config` with "file:line:column" in `where`:
 * of the syntax error, or of the key whose value does not fit.
 */
export function parseToml<S extends v.GenericSchema>(
  schema: S,
  bytes: Uint8Array,
  file: string,
): v.InferOutput<S> {
  const text = Buffer.from(bytes).toString('utf8');
  const result = v.safeParse(schema, parseSyntax(text, file), { abortEarly: true });
  if (result.success) return result.output;
  const issue = result.issues[0];
  const path = (issue.path ?? []).map((item) => String(item.key));
  const { line, column } = locate(text, path);
  const unknown = issue.type === 'strict_object' && issue.expected === 'never';
  throw new QxError(
    'config',
    unknown ? 'a key that is not known' : 'a value that does not fit',
    {
      where: `${file}:${line}:${column}: ${printable(path.join('.'))}`,
      ...(unknown
        ? {}
        : {
            expected: issue.message.startsWith('Invalid')
              ? (issue.expected ?? '')
              : issue.message,
          }),
      found: unknown ? printable(path.at(-1)) : printable(issue.input ?? 'nothing'),
    },
  );
}

function parseSyntax(text: string, file: string): unknown {
  try {
    return parse(text);
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    throw new QxError('config', 'not TOML', {
      where: `${file}:${cause.line}:${cause.column}`,
      found: printable(cause.message.split('\n')[0]),
      cause,
    });
  }
}

const HEADER = /^\s*\[\[?\s*([^\]]+?)\s*\]\]?/;
const KEY =
  /^(\s*)((?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+))*)\s*=/;

/** The line that says the most of `path`; numbers of arrays are passed over. Lines and columns from 1. */
export function locate(
  text: string,
  path: readonly string[],
): { line: number; column: number } {
  const wanted = path.filter((part) => !/^\d+$/.test(part));
  let table: string[] = [];
  let best = { line: 1, column: 1, depth: 0 };
  for (const [index, line] of text.split('\n').entries()) {
    const header = HEADER.exec(line);
    const key = KEY.exec(line);
    let at: string[];
    if (header !== null) at = table = split(header[1] ?? '');
    else if (key !== null) at = [...table, ...split(key[2] ?? '')];
    else continue;
    const fits =
      at.length <= wanted.length && at.every((part, depth) => part === wanted[depth]);
    if (!fits || at.length <= best.depth) continue;
    best = {
      line: index + 1,
      column: (key?.[1]?.length ?? line.search(/\S/)) + 1,
      depth: at.length,
    };
  }
  return best;
}

function split(dotted: string): string[] {
  const parts = dotted.match(/"[^"]*"|'[^']*'|[^.\s]+/g) ?? [];
  return parts.map((part) => part.replace(/^(["'])(.*)\1$/, '$2'));
}
