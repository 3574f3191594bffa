import t from 'tap';
import { TapReader } from '../support/tap-reader.mjs';

const TAP = `TAP version 14
1..2
# Subtest: test/a.test.ts
    # Subtest: adds
        ok 1 - should be equal
        1..1
    ok 1 - adds # time=4.353ms
    ok 2 - with nginx # SKIP because nginx is not installed
    1..2
ok 1 - test/a.test.ts # time=1500.192ms

# Subtest: test/b.test.ts
    ok 1 - fine
    not ok 2 - wrong
      ---
      diff: |
        -2
        +1
      ...
    1..2
not ok 2 - test/b.test.ts # time=94.048ms
  ---
  cwd: /somewhere
  exitCode: 1
  signal: null
  ...

# { total: 4, pass: 2, fail: 1, skip: 1 }
# time=2436.014ms
`;

function readAll(tap: string, options = {}): { said: string[]; counts: object } {
  const said: string[] = [];
  const reader = new TapReader((line) => said.push(line), options);
  for (const line of tap.split('\n')) reader.read(line);
  return { said, counts: reader.end() };
}

t.test('counts are those of tap', (t) => {
  t.same(readAll(TAP).counts, { pass: 2, fail: 1, skip: 1 });
  t.end();
});

t.test('a file without a test is a failure, not a skip', (t) => {
  const empty = 'ok 3 - test/c.test.ts # SKIP no tests found\n\n# { total: 5';
  const { said, counts } = readAll(
    TAP.replace('# { total: 4', empty).replace('skip: 1', 'skip: 2'),
  );
  t.same(counts, { pass: 2, fail: 2, skip: 1 });
  t.equal(said.at(-1), 'not ok test/c.test.ts has no test');
  t.end();
});

t.test('what passed tests say is told where it is wanted', (t) => {
  const tap = TAP.replace(/^ {8}1\.\.1$/m, '        # 300 power cuts\n$&');
  const told = (options?: object) => readAll(tap, options).said.join('\n');
  t.match(told({ comments: true }), /^ok +\S+a\.test\.ts.*\n.*\n +# 300 power cuts$/m);
  const [first = ''] = told({ comments: true }).split('\nnot ok');
  t.notMatch(first, /# (?:Subtest|time)/);
  t.notMatch(told(), 'power cuts');
  t.end();
});

t.test('a run that broke off before the totals is a failure', (t) => {
  t.same(readAll(TAP.replace(/# \{ total.*/, '')).counts, { pass: 0, fail: 1, skip: 0 });
  t.end();
});

t.test(
  'a line for each file, the reason of each skip, and what failed of a file that failed',
  (t) => {
    t.same(readAll(TAP).said, [
      'ok     test/a.test.ts 1.5 s',
      '       skipped: with nginx, because nginx is not installed',
      'not ok test/b.test.ts 0.1 s',
      '  # Subtest: test/b.test.ts',
      '      not ok 2 - wrong',
      '        ---',
      '        diff: |',
      '          -2',
      '          +1',
      '        ...',
      '  exitCode: 1',
    ]);
    t.end();
  },
);
