import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { type Finished, run } from '../support/process.ts';
import { ROOT } from '../support/setup.mjs';

const PARTS = [
  '.ci/run',
  'package-lock.json',
  'test/support/lock.mjs',
  'test/support/programs.mjs',
  'test/support/run.mjs',
  'test/support/setup.mjs',
  'test/support/tap-reader.mjs',
];
const PASSES = "import t from 'tap'; t.pass('as it should');\n";

t.setTimeout(300_000);

/**
 * A small project with our own way to run tests, and these suites: name → file → its text. Each suite names the files of
 * `first` before its folder.
 */
function makeProject(
  dir: string,
  suites: Record<string, Record<string, string>>,
  check = 'true',
  first: string[] = [],
): string {
  for (const part of PARTS) copy(path.join(ROOT, part), path.join(dir, part));
  fs.symlinkSync(path.join(ROOT, 'node_modules'), path.join(dir, 'node_modules'));
  for (const [suite, files] of Object.entries(suites)) {
    for (const [name, text] of Object.entries(files)) {
      fs.mkdirSync(path.join(dir, 'test', suite), { recursive: true });
      fs.writeFileSync(path.join(dir, 'test', suite, name), text);
    }
  }
  const project = {
    type: 'module',
    scripts: { check, test: 'node test/support/run.mjs' },
    suites: Object.fromEntries(
      Object.keys(suites).map((name) => [
        name,
        [...first.map((file) => `test/${name}/${file}`), `test/${name}`],
      ]),
    ),
  };
  fs.writeFileSync(path.join(dir, 'package.json'), JSON.stringify(project));
  return dir;
}

function copy(from: string, to: string): void {
  fs.mkdirSync(path.dirname(to), { recursive: true });
  fs.copyFileSync(from, to);
}

function ciRun(dir: string, env: Record<string, string> = {}): Promise<Finished> {
  return run(path.join(dir, '.ci/run'), [], { cwd: '/', env: { HOME: dir, ...env } });
}

function lastLine({ stdout }: Finished): string | undefined {
  return stdout.trimEnd().split('\n').at(-1);
}

t.test(
  'a run in which all is well says how long each suite took, and the count',
  async (t) => {
    const dir = makeProject(t.testdir(), {
      one: { 'a.test.ts': PASSES },
      two: { 'b.test.ts': PASSES, 'c.test.ts': PASSES },
    });
    const ended = await ciRun(dir);
    t.equal(ended.status, 0);
    t.match(ended.stdout, /^ *\d+\.\d\d min {2}check$/m);
    t.match(ended.stdout, /^ *\d+\.\d\d min {2}one +1 passed, 0 failed, 0 skipped$/m);
    t.match(ended.stdout, /^ *\d+\.\d\d min {2}two +2 passed, 0 failed, 0 skipped$/m);
    t.equal(lastLine(ended), '3 passed, 0 failed, 0 skipped');
  },
);

const SKIPS =
  "import t from 'tap'; t.test('with nginx', { skip: 'because' }, () => {});\n";
const GOOD = { 'a.test.ts': PASSES };
/** Each would pass as good in a run that looks at nothing but failed tests. */
const FAULTS: [why: string, files: Record<string, string>, ci: string][] = [
  ['a suite without a file', {}, 'false'],
  ['a suite whose only file has no test', { 'b.test.ts': '' }, 'false'],
  ['a suite that skipped all', { 'b.test.ts': SKIPS }, 'false'],
  [
    'a file without a test beside one that has some',
    { ...GOOD, 'b.test.ts': '' },
    'false',
  ],
  ['a skipped test, however CI is called', { ...GOOD, 'b.test.ts': SKIPS }, '1'],
  ['a failed test', { 'b.test.ts': PASSES.replace('pass', 'fail') }, 'false'],
];

for (const [why, files, CI] of FAULTS) {
  t.test(`it fails: ${why}`, async (t) => {
    const ended = await ciRun(makeProject(t.testdir(), { suite: files }), { CI });
    t.equal(ended.status, 1);
    t.match(lastLine(ended), /^\d+ passed, \d+ failed, \d+ skipped$/);
  });
}

const SLOW =
  "import t from 'tap'; await new Promise((end) => setTimeout(end, 2000)); t.pass('late');\n";

t.test(
  'a suite that names files starts them first, and counts what each says',
  async (t) => {
    const files = { ...GOOD, 'b.test.ts': PASSES, 'c.test.ts': PASSES };
    const project = makeProject(t.testdir(), { suite: files }, 'true', [
      'c.test.ts',
      'b.test.ts',
    ]);
    const ended = await ciRun(project, { QX_TEST_JOBS: '1' });
    t.equal(ended.status, 0);
    const order = [...ended.stdout.matchAll(/^ok +test\/suite\/(\w)\.test\.ts/gm)];
    t.same(
      order.map(([, name]) => name),
      ['c', 'b', 'a'],
    );
    t.equal(lastLine(ended), '3 passed, 0 failed, 0 skipped');
  },
);

t.test('a failure among files that run beside each other is counted', async (t) => {
  const files = {
    'a.test.ts': PASSES.replace('pass', 'fail'),
    'b.test.ts': 'process.exit(3);\n',
    'c.test.ts': SLOW,
  };
  const project = makeProject(t.testdir(), { suite: files }, 'true', ['c.test.ts']);
  const ended = await ciRun(project, { QX_TEST_JOBS: '2' });
  t.equal(ended.status, 1);
  t.match(ended.stdout, /^not ok test\/suite\/a\.test\.ts/m);
  t.match(ended.stdout, /^not ok test\/suite\/b\.test\.ts/m);
  t.equal(lastLine(ended), '1 passed, 2 failed, 0 skipped');
});

t.test('where tests may be skipped, a suite that ran others is well', async (t) => {
  const dir = makeProject(t.testdir(), { suite: { ...GOOD, 'b.test.ts': SKIPS } });
  const ended = await ciRun(dir, { CI: 'false' });
  t.equal(ended.status, 0);
  t.equal(lastLine(ended), '1 passed, 0 failed, 1 skipped');
});

t.test('a failed check is a failure, and the tests run all the same', async (t) => {
  const ended = await ciRun(makeProject(t.testdir(), { one: GOOD }, 'false'));
  t.equal(ended.status, 1);
  t.equal(lastLine(ended), '1 passed, 0 failed, 0 skipped');
});
