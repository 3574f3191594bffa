import sade from 'sade';
import { QxError } from '../format/error.ts';
import { formatTable } from './text.ts';

/** The command line of both programs: one table of commands decides what is read and what --help prints. */

/** What completion offers in a place: these words, or what is found there. */
export type Values = readonly string[] | 'channels' | 'products' | 'files' | 'folders';

export interface OptionSpec {
  /** `key FILE`, `component NAME=PATH`, or `fast` for a switch without a value. */
  flag: string;
  /** One letter: `o` for -o. */
  short?: string;
  describe: string;
  /** Of its value, where its name does not tell: `channel`, `product`, FILE, PATH and DIR do. */
  values?: Values;
}

export interface CommandSpec {
  /** `point`, or two words as in `root show`. */
  name: string;
  /** `<product> <channel> [version]` */
  args?: string;
  /** Of its arguments, by their names; as of options. */
  values?: Readonly<Record<string, Values>>;
  describe: string;
  options?: readonly OptionSpec[];
  /** Without the program's name: `point quantix-os stable 1.4.2`. */
  examples: readonly string[];
  /** Names of the commands that one wants to know of next. */
  next?: readonly string[];
}

export interface CommandResult {
  /** What --json prints, camelCase; null where the command has told all by events. */
  value: object | null;
  /** What a person reads on standard output; may be empty. */
  text: string;
  /** Other than 0 without an error: a check that found problems, an update that is available. */
  exitCode?: number;
}

/** How both programs are told to talk (output.ts). */
export const OUTPUT_OPTIONS: readonly OptionSpec[] = [
  {
    flag: 'json',
    describe: 'One JSON value on standard output; talk goes to standard error',
  },
  { flag: 'quiet', describe: 'Errors and warnings only' },
  { flag: 'verbose', describe: 'More talk' },
  { flag: 'no-progress', describe: 'No progress bars' },
  { flag: 'no-color', describe: 'No colours (as with NO_COLOR)' },
];

/** That `completion` speaks to. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;

export interface ProgramSpec<C extends CommandSpec> {
  program: string;
  commands: readonly C[];
  /** Options that every command takes. */
  common: readonly OptionSpec[];
}

/** What a command line asks for. */
export type Invocation<C extends CommandSpec> =
  | { what: 'help'; command?: string }
  | { what: 'version' }
  | { what: 'run'; command: C; args: string[]; flags: Flags };

/** What stands on the command line behind a command. */
export class Flags {
  readonly #values: ReadonlyMap<string, true | string[]>;

  constructor(values: ReadonlyMap<string, true | string[]>) {
    this.#values = values;
  }

  /** A switch. */
  is(name: string): boolean {
    return this.#values.get(name) === true;
  }

  /** The value of an option that may stand once. */
  text(name: string): string | undefined {
    const values = this.list(name);
    if (values.length <= 1) return values[0];
    throw new QxError('usage', `--${name} stands more than once`, {
      found: values.join(', '),
    });
  }

  /** The values of an option that may be repeated. */
  list(name: string): string[] {
    const values = this.#values.get(name);
    if (values === undefined || values === true) return [];
    if (values.includes('')) throw new QxError('usage', `--${name} needs a value`);
    return [...values];
  }

  /** A whole number of at least `min`. */
  whole(name: string, fallback: number, min = 0): number {
    const text = this.text(name);
    if (text === undefined) return fallback;
    const value = Number(text);
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= min) return value;
    throw new QxError('usage', `--${name} is not a number`, {
      expected: `a whole number, ${min} or more`,
      found: text,
    });
  }

  /** `--component a=x --component b=y` as pairs; each name once unless it may be `repeated`. */
  pairs(name: string, { repeated = false } = {}): [string, string][] {
    const pairs = this.list(name).map((text): [string, string] => {
      const at = text.indexOf('=');
      if (at > 0 && at < text.length - 1) return [text.slice(0, at), text.slice(at + 1)];
      throw new QxError('usage', `--${name} is not name=value`, { found: text });
    });
    const names = pairs.map(([first]) => first);
    const twin = names.find((item, index) => names.indexOf(item) !== index);
    if (twin === undefined || repeated) return pairs;
    throw new QxError('usage', `--${name} names one thing twice`, { found: twin });
  }
}

/**
 * Reads a command line (without node and script). QxError `usage` for an unknown command or flag,
 * a missing value or a wrong number of arguments. Flags may stand before the command as well.
 */
export function parseCommandLine<C extends CommandSpec>(
  spec: ProgramSpec<C>,
  argv: readonly string[],
): Invocation<C> {
  const { words, at } = commandWords(spec, argv);
  const command = findCommand(spec.commands, words);
  if (stands('--help', argv) || stands('-h', argv)) {
    return command === undefined
      ? { what: 'help' }
      : { what: 'help', command: command.name };
  }
  if (command === undefined) {
    if (argv.includes('--version') || argv.includes('-v')) return { what: 'version' };
    throw unknownCommand(spec, words);
  }
  const rest = [...argv.slice(0, at), ...argv.slice(at + command.name.split(' ').length)];
  const { args, values } = readWords(spec, command, rest);
  checkCount(spec, command, args);
  return { what: 'run', command, args, flags: new Flags(values) };
}

/** Whether a flag is on the command line; what comes behind "--" is none. */
export function stands(flag: string, argv: readonly string[]): boolean {
  const at = argv.indexOf(flag);
  const end = argv.indexOf('--');
  return at !== -1 && (end === -1 || at < end);
}

/** The help text, on standard output. */
export function printHelp<C extends CommandSpec>(
  spec: ProgramSpec<C>,
  command?: string,
): void {
  const table = sade(spec.program);
  for (const option of spec.common) addOption(table, option);
  for (const entry of spec.commands) {
    table.command(`${entry.name} ${entry.args ?? ''}`.trim(), entry.describe);
    for (const option of entry.options ?? []) addOption(table, option);
    for (const example of entry.examples) table.example(example);
  }
  table.help(command);
  const next = spec.commands.find(({ name }) => name === command)?.next ?? [];
  const rows = spec.commands.filter(({ name }) => next.includes(name));
  if (rows.length === 0) return;
  const lines = rows.map(({ name, describe }) => [
    `    ${spec.program} ${name}`,
    describe,
  ]);
  console.log(`  See also\n${formatTable(lines)}\n`);
}

/** sade reads a second word of a flag as its alias, so the word for the value goes before the description. */
function addOption(table: sade.Sade, { flag, short, describe }: OptionSpec): void {
  const [name = '', value] = flag.split(' ');
  const alias = short === undefined ? '' : `-${short}, `;
  table.option(
    `${alias}--${name}`,
    value === undefined ? describe : `${value}  ${describe}`,
  );
}

const TAKES_VALUE = /\s[A-Z]/;

/** The words from the first that is neither a flag nor the value of a common flag. */
function commandWords<C extends CommandSpec>(
  { common }: ProgramSpec<C>,
  argv: readonly string[],
): { words: readonly string[]; at: number } {
  let at = 0;
  while (at < argv.length && argv[at]?.startsWith('-') === true) {
    const spec = common.find(({ flag }) => `--${flag.split(' ')[0] ?? ''}` === argv[at]);
    at += spec !== undefined && TAKES_VALUE.test(spec.flag) ? 2 : 1;
  }
  return { words: argv.slice(at), at };
}

function findCommand<C extends CommandSpec>(
  commands: readonly C[],
  words: readonly string[],
): C | undefined {
  const fits = ({ name }: C): boolean =>
    words.slice(0, name.split(' ').length).join(' ') === name;
  return commands.filter(fits).sort((a, b) => b.name.length - a.name.length)[0];
}

/**
 * The table decides which flags there are and which take a value. sade's own reading would take `--version`
 * for itself and turn "1.10" into a number, so this one reads the words by the same table.
 */
function readWords<C extends CommandSpec>(
  spec: ProgramSpec<C>,
  command: C,
  words: readonly string[],
): { args: string[]; values: Map<string, true | string[]> } {
  const specs = [...spec.common, ...(command.options ?? [])];
  const args: string[] = [];
  const values = new Map<string, true | string[]>();
  const rest = [...words];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') args.push(...rest.splice(0));
    else if (!word.startsWith('-') || word === '-') args.push(word);
    else readFlag(spec, command, specs, word, rest, values);
  }
  return { args, values };
}

function readFlag<C extends CommandSpec>(
  spec: ProgramSpec<C>,
  command: C,
  specs: readonly OptionSpec[],
  word: string,
  rest: string[],
  values: Map<string, true | string[]>,
): void {
  const [, long = '', inline] = /^--([^=]*)(?:=([\s\S]*))?$/.exec(word) ?? [];
  const option = specs.find(
    ({ flag, short }) =>
      flag.split(' ')[0] === long || (short !== undefined && word === `-${short}`),
  );
  if (option === undefined) throw usage(spec, command, 'a flag that is not known', word);
  const name = option.flag.split(' ')[0] ?? '';
  if (!TAKES_VALUE.test(option.flag)) {
    if (inline !== undefined)
      throw usage(spec, command, `--${name} takes no value`, word);
    values.set(name, true);
    return;
  }
  const value = inline ?? rest.shift();
  if (value === undefined) throw usage(spec, command, `--${name} needs a value`, word);
  const standing = values.get(name);
  values.set(name, [...(Array.isArray(standing) ? standing : []), value]);
}

function checkCount<C extends CommandSpec>(
  spec: ProgramSpec<C>,
  command: C,
  args: readonly string[],
): void {
  const wanted = command.args?.split(' ') ?? [];
  const least = wanted.filter((name) => name.startsWith('<')).length;
  const most = command.args?.includes('...') === true ? Infinity : wanted.length;
  if (args.length >= least && args.length <= most) return;
  const message = args.length < least ? 'an argument is missing' : 'an argument too many';
  throw usage(spec, command, message, args.join(' ') || 'none');
}

function usage<C extends CommandSpec>(
  { program }: ProgramSpec<C>,
  command: C,
  message: string,
  found: string,
): QxError {
  return new QxError('usage', message, {
    expected: `${program} ${command.name} ${command.args ?? ''}`.trim(),
    found,
    hint: `${program} ${command.name} --help`,
  });
}

function unknownCommand<C extends CommandSpec>(
  { program, commands }: ProgramSpec<C>,
  words: readonly string[],
): QxError {
  return new QxError('usage', words.length === 0 ? 'no command' : 'no such command', {
    expected: commands.map(({ name }) => name).join(', '),
    found: words[0],
    hint: `${program} --help`,
  });
}
