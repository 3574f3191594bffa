import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { SPEC as CLIENT } from '../../client/cli.ts';
import { type Code, EXIT_CODES } from '../../client/format/error.ts';
import {
  type CommandSpec,
  parseCommandLine,
  type ProgramSpec,
} from '../../client/terminal/command-line.ts';
import { SPEC as GENERATOR } from '../../generator/run.ts';
import { ROOT } from '../support/setup.mjs';
import { TROUBLES } from '../support/troubles.ts';

const PROGRAMS: ProgramSpec<CommandSpec>[] = [CLIENT, GENERATOR];

const read = (file: string): string => fs.readFileSync(path.join(ROOT, file), 'utf8');

/** The messages that the page quotes, by the heading that they stand under. */
function quotedMessages(): Map<string, string[]> {
  const [, ...sections] = read('client/TROUBLESHOOTING.md').split(/^## /m);
  return new Map(
    sections.map((section) => {
      const blocks = [...section.matchAll(/^```text\n([\s\S]*?)\n```$/gm)];
      return [section.split('\n')[0] ?? '', blocks.map(([, text]) => text ?? '')];
    }),
  );
}

const heading = (code: Code): string => `${EXIT_CODES[code]} \`${code}\``;

/** Whole lines of what was printed; "…" is anything on one line. */
function isPrinted(message: string, printed: string): boolean {
  const pattern = message
    .replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
    .replaceAll('…', '[^\\n]+');
  return new RegExp(`(^|\\n)${pattern}(\\n|$)`).test(printed);
}

const codes = Object.keys(EXIT_CODES) as Code[];
const page = quotedMessages();

t.test('the page has every exit code, and no other', (t) => {
  t.same([...page.keys()], codes.map(heading));
  const table = read('client/README.md').split('## Exit codes')[1]?.split('\n## ')[0];
  for (const code of codes) t.match(table, `| ${EXIT_CODES[code]} |`);
  for (const file of ['README.md', 'client/README.md'])
    t.match(read(file), /\]\((client\/)?TROUBLESHOOTING\.md\)/, file);
  t.end();
});

t.test('the commands that it names are there', (t) => {
  const named = [
    ...read('client/TROUBLESHOOTING.md').matchAll(/`(qx-\w+) ([a-z][^`]*)`/g),
  ];
  for (const [, program = '', line = ''] of named) {
    const spec = PROGRAMS.find((each) => each.program === program);
    t.ok(spec !== undefined, program);
    if (spec !== undefined)
      t.equal(parseCommandLine(spec, line.split(' ')).what, 'run', line);
  }
  t.ok(named.length > 20);
  t.end();
});

t.test('each message that it quotes is what the programs say', async (t) => {
  const seen = new Set<string>();
  for (const { code, name, happens, skip } of TROUBLES) {
    const quoted = page.get(heading(code)) ?? [];
    await t.test(`${EXIT_CODES[code]}: ${name}`, skip ? { skip } : {}, async (t) => {
      const { status, stderr } = await happens(t);
      t.equal(status, EXIT_CODES[code], stderr);
      const [message, ...more] = quoted.filter((text) => isPrinted(text, stderr));
      t.ok(message !== undefined && more.length === 0, `on the page stands\n${stderr}`);
      if (message !== undefined) seen.add(message);
    });
  }
  if (TROUBLES.some(({ skip }) => skip !== undefined)) return;
  t.same(
    [...page.values()].flat().filter((message) => !seen.has(message)),
    [],
    'nothing is quoted that does not happen',
  );
});
