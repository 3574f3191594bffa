import t from 'tap';
import {
  type CommandSpec,
  parseCommandLine,
  type ProgramSpec,
} from '../../../client/terminal/command-line.ts';
import { refusal } from '../../support/refusal.ts';

const COMMANDS: CommandSpec[] = [
  {
    name: 'point',
    args: '<product> <channel> [version]',
    describe: 'd',
    options: [
      { flag: 'component NAME=PATH', describe: 'd' },
      { flag: 'limit N', describe: 'd' },
      { flag: 'fast', describe: 'd' },
    ],
    examples: [],
  },
  { name: 'root', describe: 'd', examples: [] },
  { name: 'root show', describe: 'd', examples: [] },
  { name: 'diff', args: '<one> [more...]', describe: 'd', examples: [] },
];

const SPEC: ProgramSpec<CommandSpec> = {
  program: 'prog',
  commands: COMMANDS,
  common: [
    { flag: 'root DIR', describe: 'd' },
    { flag: 'json', describe: 'd' },
  ],
};

const parse = (...argv: string[]) => parseCommandLine(SPEC, argv);

function run(...argv: string[]) {
  const asked = parse(...argv);
  if (asked.what !== 'run') throw new Error(`not run: ${asked.what}`);
  return asked;
}

t.test('arguments and flags in any order', (t) => {
  for (const argv of [
    ['point', 'p', 'stable', '--fast', '--root', '/x', '--json'],
    ['--root', '/x', '--json', 'point', '--fast', 'p', 'stable'],
    ['--json', '--root=/x', 'point', 'p', '--fast', 'stable'],
  ]) {
    const { command, args, flags } = run(...argv);
    t.equal(command.name, 'point');
    t.same(args, ['p', 'stable']);
    t.same([flags.is('fast'), flags.is('json'), flags.text('root')], [true, true, '/x']);
  }
  t.end();
});

t.test('a version stays the text that was typed', (t) => {
  t.same(run('point', 'p', 'stable', '1.10').args, ['p', 'stable', '1.10']);
  t.end();
});

t.test('the longest command that fits is meant', (t) => {
  t.equal(run('root', 'show').command.name, 'root show');
  t.equal(run('root').command.name, 'root');
  t.equal(run('--root', 'root', 'root', 'show').command.name, 'root show');
  t.end();
});

t.test('behind -- there are arguments only, and a lone - is one', (t) => {
  t.same(run('diff', '--', '--json', '-x').args, ['--json', '-x']);
  t.notOk(run('diff', '--', '--json').flags.is('json'));
  t.same(run('diff', '-').args, ['-']);
  t.end();
});

t.test('a value may be empty, begin with a dash, or have an equals sign in it', (t) => {
  t.equal(run('root', '--root', '-x').flags.text('root'), '-x');
  t.equal(run('root', '--root=a=b').flags.text('root'), 'a=b');
  const { flags } = run('root', '--root=');
  t.match(
    refusal(() => flags.text('root')),
    { code: 'usage', message: '--root needs a value' },
  );
  t.end();
});

t.test('help and version are asked for anywhere', (t) => {
  t.same(parse('--help'), { what: 'help' });
  t.same(parse('point', '-h'), { what: 'help', command: 'point' });
  t.same(parse('root', 'show', '--help'), { what: 'help', command: 'root show' });
  t.same(parse('--version'), { what: 'version' });
  t.equal(run('diff', '--', '--help').what, 'run');
  t.end();
});

const REFUSED: [argv: string[], message: string, found?: string][] = [
  [[], 'no command'],
  [['frob'], 'no such command', 'frob'],
  [['point', 'p'], 'an argument is missing', 'p'],
  [['point', 'p', 's', '1', '2'], 'an argument too many', 'p s 1 2'],
  [['diff'], 'an argument is missing', 'none'],
  [['root', '--frob'], 'a flag that is not known', '--frob'],
  [['root', '--fast'], 'a flag that is not known', '--fast'],
  [['root', '-j'], 'a flag that is not known', '-j'],
  [['root', '--root'], '--root needs a value', '--root'],
  [['root', '--json=yes'], '--json takes no value', '--json=yes'],
];

t.test('a command line that does not fit is told why', (t) => {
  for (const [argv, message, found] of REFUSED) {
    const error = refusal(() => parse(...argv));
    t.match(error, { code: 'usage', exitCode: 2, message }, argv.join(' '));
    t.equal(error.found, found, argv.join(' '));
    t.match(error.hint, /prog .*--help/);
  }
  t.end();
});

t.test('an option that stands twice', (t) => {
  const { flags } = run('root', '--root', 'a', '--root', 'b');
  t.same(flags.list('root'), ['a', 'b']);
  t.match(refusal(() => flags.text('root')).message, 'stands more than once');
  t.end();
});

t.test('whole numbers', (t) => {
  const limit = (text: string) => () =>
    run('point', 'p', 's', '--limit', text).flags.whole('limit', 20, 1);
  t.equal(run('point', 'p', 's').flags.whole('limit', 20, 1), 20);
  t.equal(limit('7')(), 7);
  for (const text of ['0', '-1', '1.5', 'x', '1e3', '9007199254740993'])
    t.throws(limit(text), { code: 'usage' }, text);
  t.end();
});

t.test('pairs', (t) => {
  const pairs = (...texts: string[]) =>
    run('point', 'p', 's', ...texts.map((text) => `--component=${text}`)).flags.pairs(
      'component',
    );
  t.same(pairs('a=x', 'b=y=z'), [
    ['a', 'x'],
    ['b', 'y=z'],
  ]);
  t.throws(() => pairs('a'), { code: 'usage' });
  t.throws(() => pairs('=x'), { code: 'usage' });
  t.throws(() => pairs('a='), { code: 'usage' });
  t.throws(() => pairs('a=x', 'a=y'), { code: 'usage', found: 'a' });
  t.end();
});
