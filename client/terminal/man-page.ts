import { EXIT_CODES } from '../format/error.ts';
import type { CommandSpec, OptionSpec, ProgramSpec } from './command-line.ts';

/** What a manual page says besides the table of commands. */
export interface ManPage {
  section: 1 | 8;
  version: string;
  /** Of the build, in milliseconds. */
  timeMs: number;
  /** One line, behind the name. */
  summary: string;
  description: string;
  /** Beside those of every program. */
  exitCodes?: Readonly<Record<number, string>>;
  /** Other pages: `minisign(1)`. */
  seeAlso: readonly string[];
}

/** The manual page of a program, in the language of man(7). */
export function manPage<C extends CommandSpec>(
  { program, commands, common }: ProgramSpec<C>,
  page: ManPage,
): string {
  const { section, version, timeMs, summary, description, seeAlso } = page;
  const date = new Date(timeMs).toISOString().slice(0, 10);
  const lines = [
    `.TH ${program.toUpperCase()} ${section} ${date} "${program} ${version}"`,
    '.SH NAME',
    `${escaped(program)} \\- ${escaped(summary)}`,
    '.SH SYNOPSIS',
    `.B ${escaped(program)}`,
    '.I command',
    escaped('[arguments] [options]'),
    '.SH DESCRIPTION',
    ...paragraph(description),
    '.SH COMMANDS',
    ...commands.flatMap((command) => commandLines(program, command)),
    '.SH OPTIONS',
    'Every command takes these.',
    ...common.flatMap(optionLines),
    '.SH EXIT STATUS',
    'Zero when all is done, or nothing was to do.',
    ...exitLines(page.exitCodes ?? {}),
    '.SH SEE ALSO',
    ...seeAlso.map((name, index) => pageLine(name, index === seeAlso.length - 1)),
  ];
  return `${lines.join('\n')}\n`;
}

function commandLines(
  program: string,
  { name, args = '', describe, options = [], examples, next = [] }: CommandSpec,
): string[] {
  return [
    `.SS "${quoted(`${name} ${args}`.trim())}"`,
    ...paragraph(`${describe}.`),
    ...options.flatMap(optionLines),
    ...(examples.length === 0 ? [] : ['.PP', 'For example:', '.nf', '.RS']),
    ...examples.map((example) => escaped(`${program} ${example}`)),
    ...(examples.length === 0 ? [] : ['.RE', '.fi']),
    ...(next.length === 0 ? [] : ['.PP', ...paragraph(`See also ${next.join(', ')}.`)]),
  ];
}

function optionLines({ flag, short, describe }: OptionSpec): string[] {
  const [name = '', value] = flag.split(' ');
  const dashed = short === undefined ? `--${name}` : `-${short}, --${name}`;
  const head =
    value === undefined
      ? `.B ${escaped(dashed)}`
      : `.BI "${quoted(dashed)} " "${quoted(value)}"`;
  return ['.TP', head, ...paragraph(describe)];
}

function exitLines(more: Readonly<Record<number, string>>): string[] {
  const all = Object.entries(EXIT_CODES).map(([name, code]) => [code, name] as const);
  const own = Object.entries(more).map(([code, name]) => [Number(code), name] as const);
  return [...all, ...own].flatMap(([code, name]) => ['.TP', `.B ${code}`, escaped(name)]);
}

function pageLine(page: string, last: boolean): string {
  const [, name = '', section = ''] = /^(.+)\((\d)\)$/.exec(page) ?? [];
  return `.BR ${escaped(name)} (${section})${last ? '' : ' ,'}`;
}

const LINE_MAX = 72;

/** In lines as short as roff wants them in its sources. */
function paragraph(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + word.length < LINE_MAX)
      lines.splice(-1, 1, `${line} ${word}`);
    else lines.push(word);
  }
  return lines.map(escaped);
}

/** As it stands, whatever roff would make of it. */
function escaped(text: string): string {
  const plain = text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('…', '\\[u2026]');
  return plain.replace(/^(?=[.'])/, '\\&');
}

/** The same between double quotes. */
function quoted(text: string): string {
  return escaped(text).replaceAll('"', '\\(dq');
}
