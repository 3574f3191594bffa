import t from 'tap';
import { SPEC as CLIENT } from '../../client/cli.ts';
import {
  type CommandSpec,
  parseCommandLine,
  type ProgramSpec,
} from '../../client/terminal/command-line.ts';
import { SPEC as GENERATOR } from '../../generator/run.ts';
import { programPath, run } from '../support/process.ts';

const PROGRAMS: ProgramSpec<CommandSpec>[] = [CLIENT, GENERATOR];

/** The words of an example, as a shell takes them; what is redirected is left out. */
function wordsOf(example: string): string[] {
  const [line = ''] = example.split(' > ');
  return [...line.matchAll(/"([^"]*)"|\S+/g)].map(([word, inner]) => inner ?? word);
}

for (const spec of PROGRAMS) {
  const { program, commands } = spec;

  t.test(`each command of ${program} names others that are there`, (t) => {
    const names = commands.map(({ name }) => name);
    for (const { name, next = [] } of commands) {
      t.ok(next.length > 0 || name === 'completion', `${name} names one`);
      for (const other of next) t.ok(names.includes(other) && other !== name, other);
    }
    t.end();
  });

  t.test(`the examples of ${program} are command lines of it`, (t) => {
    for (const { name, examples } of commands) {
      t.ok(examples.length > 0, name);
      for (const example of examples) {
        const asked = parseCommandLine(spec, wordsOf(example));
        t.equal(asked.what === 'run' && asked.command.name, name, example);
      }
    }
    t.end();
  });
}

t.test('--help of a command ends with them', async (t) => {
  const shown = await run(programPath('qx-update'), ['run', '--help']);
  t.match(shown.stdout, /\n {2}See also\n( {4}qx-update .*\n)+\n$/);
  for (const name of ['status', 'history', 'doctor'])
    t.match(shown.stdout, new RegExp(`See also[^]*qx-update ${name} +[A-Z]`));
  const all = await run(programPath('qx-repo'), ['--help']);
  t.notMatch(all.stdout, /See also/);
});
