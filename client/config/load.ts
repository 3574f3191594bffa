import { posix } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import * as v from 'valibot';
import { readIfThere } from '../effects/durable.ts';
import type { Files } from '../effects/effects.ts';
import { expectedOf } from '../format/document.ts';
import { QxError, printable } from '../format/error.ts';
import { LIMITS } from '../format/limits.ts';
import { refuseForeignHands } from './foreign-hands.ts';
import { DEFAULT_CONFIG_FILES } from './profiles.ts';
import {
  CONFIG_KEYS,
  type ConfigFile,
  type ConfigKey,
  configSchema,
  TABLES,
} from './schema.ts';

export interface LoadedFile {
  path: string;
  text: string;
  values: ConfigFile;
}

/**
 * An absolute path as it is found with --root: below DIR. A path that lies below DIR already stays as it is.
 *
 *   belowRoot("/tmp/sandbox", "/quantix/update.toml") → "/tmp/sandbox/quantix/update.toml"
 */
export function belowRoot(root: string, path: string): string {
  if (root === '/' || path === root || path.startsWith(`${root}/`)) return path;
  return posix.join(root, path);
}

/**
 * The file of --config, else the first default that exists, else null. QxError `config` for one that others could
 * change, and with line and column for what is wrong in it.
 */
export async function loadConfigFile(
  files: Files,
  root: string,
  chosen: string | undefined,
): Promise<LoadedFile | null> {
  const candidates = chosen === undefined ? DEFAULT_CONFIG_FILES : [chosen];
  for (const candidate of candidates) {
    const path = posix.isAbsolute(candidate) ? belowRoot(root, candidate) : candidate;
    await refuseForeignHands(files, root, [path]);
    const bytes = await readConfigFile(files, path);
    if (bytes === null) continue;
    const text = bytes.toString('utf8');
    return { path, text, values: parseConfigFile(text, path) };
  }
  if (chosen === undefined) return null;
  throw new QxError('config', 'the configuration file is missing', {
    where: belowRoot(root, chosen),
    hint: root === '/' ? undefined : `with --root, absolute paths are below ${root}`,
  });
}

/** Null where there is none; QxError `config` for one that is too large. */
export async function readConfigFile(files: Files, path: string): Promise<Buffer | null> {
  try {
    return await readIfThere(files, path, LIMITS.configurationBytes);
  } catch (error) {
    if (!(error instanceof QxError)) throw error;
    throw new QxError('config', 'the configuration file is too large', {
      where: path,
      expected: `${LIMITS.configurationBytes} bytes at the most`,
      cause: error,
    });
  }
}

export function parseConfigFile(text: string, path: string): ConfigFile {
  const result = v.safeParse(configSchema, parseToml(text, path), { abortEarly: true });
  if (result.success) return result.output;
  const issue = result.issues[0];
  const field = v.getDotPath(issue) ?? '';
  const unknown = issue.type === 'strict_object' && issue.expected === 'never';
  throw new QxError(
    'config',
    unknown ? 'a key that qx-update does not know' : `${field} does not fit`,
    {
      where: locate(text, path, field),
      expected: unknown ? nearestKey(field) : expectedOf(issue),
      found: unknown ? field : printable(issue.input),
    },
  );
}

function parseToml(text: string, path: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw new QxError('config', 'the configuration cannot be read', {
      where: `${path}:${error.line}:${error.column}`,
      found: printable(error.message.split('\n')[0] ?? ''),
      cause: error,
    });
  }
}

/**
 * `file:line:column` of the key as it stands in the text, or of the nearest one that it lies in where it has no
 * line of its own; else the file alone.
 */
function locate(text: string, path: string, field: string): string {
  const parts = field.split('.');
  const lines = text.split('\n');
  const start = startOf(lines, parts);
  for (const key of parts.filter((part) => !/^\d+$/.test(part)).reverse()) {
    const pattern = new RegExp(
      `^[ \\t]*(?:\\[+[ \\t]*)?"?${key.replace(/[^\w-]/g, '\\$&')}"?[ \\t]*[=\\]]`,
    );
    const index = lines.findIndex((line, at) => at >= start && pattern.test(line));
    if (index === -1) continue;
    return `${path}:${index + 1}:${(lines[index] ?? '').search(/\S/) + 1}`;
  }
  return path;
}

/** The line of the second `[[windows]]` for `windows.1.zone`; the first line for what is in no such table. */
function startOf(lines: string[], [table, number]: string[]): number {
  const isHead = (line: string): boolean =>
    line.replace(/\s/g, '').startsWith(`[[${table ?? ''}]]`);
  const heads = [...lines.keys()].filter((at) => isHead(lines[at] ?? ''));
  return heads[Number(number)] ?? 0;
}

/** Of "serve.lisen" among the keys of [serve]. */
function nearestKey(field: string): string {
  const [table = '', ...inside] = field.split('.');
  const known = inside.length === 0 ? CONFIG_KEYS : (TABLES[table] ?? CONFIG_KEYS);
  const best = nearest(inside.at(-1) ?? table, known);
  return best === undefined ? `one of ${known.join(', ')}` : `"${best}"`;
}

/** The one that a slip or three lead to; of a short word something has to be left. */
function nearest(word: string, known: readonly string[]): string | undefined {
  const ranked = known.map((each) => ({ each, steps: editDistance(word, each) }));
  ranked.sort((a, b) => a.steps - b.steps);
  const best = ranked[0];
  return best !== undefined && best.steps <= Math.min(3, word.length - 1)
    ? best.each
    : undefined;
}

/** Letters to add, drop or change to get from one word to the other. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      const change = (row[j] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(change, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

const BOOLEANS: Readonly<Record<string, boolean>> = {
  true: true,
  false: false,
  '1': true,
  '0': false,
};
const BOOLEAN_KEYS: readonly ConfigKey[] = ['auto_apply', 'auto_reboot'];
const LIST_KEYS: readonly ConfigKey[] = [
  'mirrors',
  'allow_paths',
  'allow_services',
  'groups',
];
const NUMBER_KEYS: readonly ConfigKey[] = ['keep', 'retries'];
/** Tables have no form in a single variable. */
const TABLE_KEYS: readonly ConfigKey[] = ['windows', 'facts', 'serve', 'notify'];

/** `QX_UPDATE_CHANNEL=beta` and the like; lists are separated by commas. QxError `config` names the variable. */
export function configFromEnvironment(
  env: Record<string, string | undefined>,
): ConfigFile {
  const values: Record<string, unknown> = {};
  for (const key of CONFIG_KEYS) {
    const text = env[`QX_UPDATE_${key.toUpperCase()}`];
    if (text !== undefined && text !== '' && !TABLE_KEYS.includes(key))
      values[key] = parseValue(key, text);
  }
  const result = v.safeParse(configSchema, values, { abortEarly: true });
  if (result.success) return result.output;
  const issue = result.issues[0];
  throw new QxError('config', 'an environment variable does not fit', {
    where: `QX_UPDATE_${(v.getDotPath(issue) ?? '').replace(/\..*/, '').toUpperCase()}`,
    expected: issue.message,
    found: printable(issue.input),
  });
}

const PREFIX = 'QX_UPDATE_';

/** Variables that somebody meant for us and that nothing reads, one line each. */
export function ignoredVariables(env: Record<string, string | undefined>): string[] {
  const names = CONFIG_KEYS.map((key) => `${PREFIX}${key.toUpperCase()}`);
  const tables = TABLE_KEYS.map((key) => `${PREFIX}${key.toUpperCase()}`);
  const read = [...names.filter((name) => !tables.includes(name)), `${PREFIX}CONFIG`];
  return Object.keys(env)
    .filter((name) => name.startsWith(PREFIX) && !read.includes(name))
    .sort()
    .map((name) => {
      const table = tables.includes(name) ? 'a table stands in update.toml alone' : null;
      const best = nearest(name, read);
      const meant = best === undefined ? 'there is no such key' : `is it ${best}`;
      return `the variable ${printable(name)} is not read: ${table ?? meant}`;
    });
}

/** The text of a variable or of `config set` as the value that TOML would hold. */
export function parseValue(key: ConfigKey, text: string): unknown {
  if (LIST_KEYS.includes(key))
    return text === '' ? [] : text.split(',').map((part) => part.trim());
  if (BOOLEAN_KEYS.includes(key)) return BOOLEANS[text] ?? text;
  if (NUMBER_KEYS.includes(key)) return /^\d+$/.test(text) ? Number(text) : text;
  return text;
}
