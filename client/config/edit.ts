import { stringify } from 'smol-toml';
import { QxError } from '../format/error.ts';
import { parseConfigFile, parseValue } from './load.ts';
import { CONFIG_KEYS, type ConfigKey } from './schema.ts';

/**
 * The text of update.toml with one top-level key set (or, with null, taken out). Comments and the order of
 * everything else stay. The result has passed the same checks as a file that is read.
 */
export function editConfig(
  text: string,
  key: string,
  value: string | null,
  path: string,
): string {
  const known = CONFIG_KEYS.find((each) => each === key);
  if (known === undefined || ['windows', 'facts', 'serve', 'notify'].includes(key)) {
    throw new QxError('config', `"${key}" cannot be set this way`, {
      expected: `one of ${CONFIG_KEYS.join(', ')}`,
      hint: 'tables are edited in the file itself',
    });
  }
  const line =
    value === null ? [] : [stringify({ [key]: parseValue(known, value) }).trimEnd()];
  const edited = replaceLines(text, known, line);
  parseConfigFile(edited, path);
  return edited;
}

function replaceLines(text: string, key: ConfigKey, line: string[]): string {
  const lines = text === '' ? [] : text.replace(/\n$/, '').split('\n');
  const table = lines.findIndex((each) => /^\s*\[/.test(each));
  const top = table === -1 ? lines.length : table;
  const at = lines.findIndex(
    (each, index) => index < top && new RegExp(`^\\s*${key}\\s*=`).test(each),
  );
  if (at === -1) lines.splice(insertionPoint(lines, top), 0, ...line);
  else lines.splice(at, valueLength(lines, at), ...line);
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

/** Behind the last line of the top part that is neither blank nor a comment of the table below. */
function insertionPoint(lines: string[], top: number): number {
  let at = top;
  if (top < lines.length) while (lines[at - 1]?.trim().startsWith('#')) at -= 1;
  while (at > 0 && lines[at - 1]?.trim() === '') at -= 1;
  return at;
}

/** A list may run over several lines, up to its closing bracket. */
function valueLength(lines: string[], start: number): number {
  if (!/=\s*\[/.test(lines[start] ?? '')) return 1;
  const end = lines.findIndex(
    (line, index) => index >= start && /\]\s*(?:#.*)?$/.test(line),
  );
  return end === -1 ? 1 : end - start + 1;
}
