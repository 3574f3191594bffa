import path from 'node:path';
import t from 'tap';
import { SPEC as CLIENT } from '../../client/cli.ts';
import type { CommandSpec, ProgramSpec } from '../../client/terminal/command-line.ts';
import { SPEC as GENERATOR } from '../../generator/run.ts';
import { needs } from '../support/needs.ts';
import { programPath, run } from '../support/process.ts';

const PAGES: [page: string, spec: ProgramSpec<CommandSpec>][] = [
  ['qx-update.8', CLIENT],
  ['qx-repo.1', GENERATOR],
];

for (const [page, spec] of PAGES) {
  t.test(`${page} is a manual page without a fault`, needs('mandoc'), async (t) => {
    const dist = path.dirname(programPath('qx-update'));
    const file = path.join(dist, 'man', page);
    const { status, stdout } = await run('mandoc', ['-T', 'lint', '-W', 'style', file]);
    t.same([status, stdout], [0, '']);

    const shown = await run('mandoc', ['-T', 'utf8', '-O', 'width=400', file]);
    // Bold and underlined letters are typed twice.
    const lines = shown.stdout.replace(/.\x08/gu, '').split('\n');
    const from = (line: string): string[] => lines.slice(lines.indexOf(line));
    for (const { name, args = '', describe, options = [], examples } of spec.commands) {
      const heading = `   ${`${name} ${args}`.trim()}`;
      t.ok(lines.includes(heading), heading);
      const [, ...rest] = from(heading);
      const section = rest.slice(
        0,
        rest.findIndex((line) => /^ {0,3}\S/.test(line)),
      );
      const told = section.map((line) => line.trim());
      t.equal(told[0], `${describe}.`);
      for (const { flag } of options)
        t.ok(
          section.some((line) => `${line} `.includes(`--${flag} `)),
          `${name}: --${flag}`,
        );
      for (const example of examples)
        t.ok(told.includes(`${spec.program} ${example}`), example);
    }
    t.ok(spec.commands.length > 10);
  });
}
