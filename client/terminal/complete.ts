import type { CommandResult, CommandSpec, ProgramSpec, Values } from './command-line.ts';
import { completionScript, type Shell, shellOf } from './completion-scripts.ts';

/** What a program finds on its disk: `options` are those with a value that stand on the line already. */
export type Found = (
  what: 'channels' | 'products',
  options: ReadonlyMap<string, string>,
) => Promise<readonly string[]>;

/** A word that may come next, and what it means. */
type Candidate = [word: string, describe: string];

interface Wanted {
  values: Values | readonly Candidate[];
  /** What the last word begins with and every candidate keeps: `--channel=`. */
  before: string;
  /** What is typed of the word itself. */
  typed: string;
  options: ReadonlyMap<string, string>;
}

/**
 * `completion SHELL` gives the script of a shell. The script calls `completion SHELL -- WORDS`, with what stands behind the
 * program's name up to the cursor, and gets a line for each word that may come next: the word, a tab, what it means; or
 * ":files" or ":folders" where the shell knows better. QxError `usage` for another shell.
 */
export async function completion<C extends CommandSpec>(
  spec: ProgramSpec<C>,
  [name = '', ...words]: readonly string[],
  found: Found,
): Promise<CommandResult> {
  const shell = shellOf(name);
  if (words.length === 0) {
    const script = completionScript(spec.program, shell);
    return { value: { shell, script }, text: script.trimEnd() };
  }
  const lines = await candidateLines(spec, shell, words, found);
  return { value: { candidates: lines }, text: lines.join('\n') };
}

async function candidateLines<C extends CommandSpec>(
  spec: ProgramSpec<C>,
  shell: Shell,
  words: readonly string[],
  found: Found,
): Promise<string[]> {
  const wanted = wantedAt(spec, shell === 'bash' ? joined(words) : words);
  const { values, before, typed, options } = wanted;
  if (values === 'files' || values === 'folders') return [`:${values}`];
  const list =
    typeof values === 'string' ? await found(values, options).catch(() => []) : values;
  return list
    .map((item): Candidate => (typeof item === 'string' ? [item, ''] : [...item]))
    .filter(([word]) => word.startsWith(typed))
    .map(([word, describe]) => {
      // bash replaces what stands behind the "=" alone.
      const whole = shell === 'bash' ? word : before + word;
      return describe === '' ? whole : `${whole}\t${describe.split(/[;:] /)[0]}`;
    });
}

/** bash takes "--channel=beta" and "https://a" for several words. */
function joined(words: readonly string[]): string[] {
  const whole: string[] = [];
  for (const [index, word] of words.entries()) {
    const goesOn = /^[=:]+$/.test(word) || /^[=:]+$/.test(words[index - 1] ?? '');
    if (goesOn && whole.length > 0) whole.push(`${whole.pop()}${word}`);
    else whole.push(word);
  }
  return whole;
}

function wantedAt<C extends CommandSpec>(
  spec: ProgramSpec<C>,
  words: readonly string[],
): Wanted {
  const last = words.at(-1) ?? '';
  const { plain, options, open } = readLine(spec, words.slice(0, -1));
  const command = commandOf(spec.commands, plain);
  const at = (values: Wanted['values'], typed = last, before = ''): Wanted => ({
    values,
    before,
    typed,
    options,
  });
  if (open !== undefined) return at(valuesOf(spec, command, open));
  const [, name, typed] = /^--([^=]+)=(.*)$/s.exec(last) ?? [];
  if (name !== undefined) return at(valuesOf(spec, command, name), typed, `--${name}=`);
  if (last.startsWith('-')) return at(flagsOf(spec, command));
  if (command === undefined) return at(nextWords(spec.commands, plain));
  return at(argumentValues(command, plain.length - command.name.split(' ').length));
}

/** The words that are no flags, the flags with their values, and the flag whose value comes next. */
function readLine<C extends CommandSpec>(
  spec: ProgramSpec<C>,
  words: readonly string[],
): { plain: string[]; options: Map<string, string>; open?: string } {
  const takesValue = new Set(
    [...spec.common, ...spec.commands.flatMap(({ options = [] }) => options)]
      .filter(({ flag }) => flag.includes(' '))
      .flatMap(({ flag, short }) => [`--${flag.split(' ')[0]}`, `-${short}`]),
  );
  const plain: string[] = [];
  const options = new Map<string, string>();
  let open: string | undefined;
  for (const word of words) {
    const [, name, value] = /^--([^=]+)=(.*)$/s.exec(word) ?? [];
    if (open !== undefined) options.set(open, word);
    else if (name !== undefined) options.set(name, value ?? '');
    else if (!word.startsWith('-')) plain.push(word);
    const opens: boolean = open === undefined && takesValue.has(word);
    open = opens ? word.replace(/^-+/, '') : undefined;
  }
  return open === undefined ? { plain, options } : { plain, options, open };
}

function commandOf<C extends CommandSpec>(
  commands: readonly C[],
  plain: readonly string[],
): C | undefined {
  const line = `${plain.join(' ')} `;
  return commands.find(({ name }) => line.startsWith(`${name} `));
}

/** "root" is followed by "show", "add-key" and the others. */
function nextWords<C extends CommandSpec>(
  commands: readonly C[],
  plain: readonly string[],
): Candidate[] {
  const next = new Map<string, string>();
  for (const { name, describe } of commands) {
    const parts = name.split(' ');
    const word = parts[plain.length];
    if (word === undefined || plain.some((part, index) => part !== parts[index]))
      continue;
    const whole = parts.length === plain.length + 1;
    if (!next.has(word)) next.set(word, whole ? describe : `${parts[0]} …`);
  }
  return [...next];
}

function flagsOf<C extends CommandSpec>(
  { common }: ProgramSpec<C>,
  command: C | undefined,
): Candidate[] {
  const all = [...(command?.options ?? []), ...common];
  return [
    ...all.map(({ flag, describe }): Candidate => [`--${flag.split(' ')[0]}`, describe]),
    ['--help', 'Options and examples'],
  ];
}

function valuesOf<C extends CommandSpec>(
  { common }: ProgramSpec<C>,
  command: C | undefined,
  name: string,
): Values {
  const option = [...(command?.options ?? []), ...common].find(
    ({ flag, short }) => flag.split(' ')[0] === name || short === name,
  );
  return option?.values ?? valuesCalled(name, option?.flag.split(' ')[1] ?? '');
}

function argumentValues(command: CommandSpec, index: number): Values {
  const names = command.args?.split(' ') ?? [];
  const last = names.at(-1) ?? '';
  const name = (names[index] ?? (last.includes('...') ? last : '')).replace(/\W/g, '');
  return command.values?.[name] ?? valuesCalled(name, name.toUpperCase());
}

/** What the names say by themselves. */
function valuesCalled(name: string, placeholder: string): Values {
  if (name === 'channel') return 'channels';
  if (name === 'product') return 'products';
  if (/^(?:DIR|FOLDER|TREE)$/.test(placeholder)) return 'folders';
  return /^(?:CONFIG|.*FILE|.*PATH)$/.test(placeholder) ? 'files' : [];
}
