import t from 'tap';
import { QxError } from '../../../client/format/error.ts';
import {
  asQxError,
  createOutput,
  errorRecord,
  type OutputOptions,
} from '../../../client/terminal/output.ts';
import { createProgress, progressLine } from '../../../client/terminal/progress.ts';
import {
  formatBytes,
  formatDuration,
  formatTable,
} from '../../../client/terminal/text.ts';

function record(options: Partial<OutputOptions> = {}, isTTY = false) {
  const written = { stdout: '', stderr: '' };
  const sink = (name: keyof typeof written) => ({
    isTTY,
    columns: 80,
    write: (text: string) => (written[name] += text),
  });
  const streams = { stdout: sink('stdout'), stderr: sink('stderr') };
  const output = createOutput({ program: 'prog', now: () => 0, ...streams, ...options });
  return { output, written };
}

const ERROR = new QxError('digest', 'it is broken', {
  where: 'objects/aa',
  expected: '1 byte',
  found: '2 bytes',
  hint: 'publish it again',
});

t.test('answers go to stdout, everything else to stderr', (t) => {
  const { output, written } = record();
  output.say('talk');
  output.detail('detail');
  output.warn('careful');
  output.result({ a: 1 }, () => 'the answer');
  t.equal(written.stdout, 'the answer\n');
  t.equal(written.stderr, 'talk\nprog: warning: careful\n');
  t.end();
});

t.test('with --json there is one value on stdout', (t) => {
  const { output, written } = record({ json: true });
  output.result({ a: 1 }, () => 'the answer');
  t.same(JSON.parse(written.stdout), { schemaVersion: 1, a: 1 });
  output.error(ERROR);
  const error = { ...errorRecord(ERROR), exitCode: 21 };
  t.same(JSON.parse(written.stderr), { schemaVersion: 1, error });
  t.end();
});

t.test('a command that goes on tells events, one a line, and gives no answer', (t) => {
  const rows: [options: Partial<OutputOptions>, stdout: string][] = [
    [{}, 'first\nsecond\n'],
    [{ quiet: true }, ''],
    [{ json: true }, '{"schemaVersion":1,"n":1}\n{"schemaVersion":1,"n":2}\n'],
    [
      { json: true, quiet: true },
      '{"schemaVersion":1,"n":1}\n{"schemaVersion":1,"n":2}\n',
    ],
  ];
  for (const [options, stdout] of rows) {
    const { output, written } = record(options);
    output.event({ n: 1 }, () => 'first');
    output.event({ n: 2 }, () => 'second');
    output.result(null, () => '');
    t.same(written, { stdout, stderr: '' });
  }
  t.end();
});

t.test('--quiet leaves warnings and errors, --verbose adds details', (t) => {
  const quiet = record({ quiet: true });
  quiet.output.say('talk');
  quiet.output.progress('x', 9_000_000).done();
  quiet.output.warn('careful');
  t.equal(quiet.written.stderr, 'prog: warning: careful\n');
  const verbose = record({ verbose: true });
  verbose.output.detail('detail');
  t.equal(verbose.written.stderr, 'detail\n');
  t.end();
});

t.test('nothing to say is nothing, not an empty line', (t) => {
  const { output, written } = record();
  output.result({}, () => '');
  t.equal(written.stdout, '');
  t.end();
});

t.test('a refusal says what, where, expected, found and what to do', (t) => {
  const { output, written } = record();
  output.error(ERROR);
  t.equal(
    written.stderr,
    [
      'prog: error: it is broken',
      '  where     objects/aa',
      '  expected  1 byte',
      '  found     2 bytes',
      'prog: hint: publish it again',
      '',
    ].join('\n'),
  );
  t.end();
});

t.test('colours on a terminal only, and not against the wish', (t) => {
  const painted = (options: Partial<OutputOptions>, isTTY: boolean): boolean => {
    const { output, written } = record(options, isTTY);
    output.error(ERROR);
    return written.stderr.includes('\u001b[');
  };
  t.ok(painted({}, true));
  t.notOk(painted({ color: false }, true));
  t.notOk(painted({}, false));
  t.end();
});

t.test('whatever was thrown becomes the one error class', (t) => {
  t.equal(asQxError(ERROR), ERROR);
  const full = Object.assign(new Error('ENOSPC: no space'), {
    code: 'ENOSPC',
    path: '/data/x',
  });
  t.match(asQxError(full), { code: 'disk', exitCode: 31, where: '/data/x' });
  t.match(asQxError(full).hint, /what was downloaded is kept/);
  const many = Object.assign(new Error('EMFILE: too many'), { code: 'EMFILE' });
  t.match(asQxError(many), { code: 'disk', hint: /ulimit -n/ });
  t.match(asQxError(new TypeError('x is not a function')), { code: 'defect' });
  t.match(asQxError('a string'), { code: 'defect', found: 'a string' });
  t.match(asQxError(undefined), { code: 'defect' });
  t.match(asQxError(null), { code: 'defect' });
  t.end();
});

t.test('a bar on a terminal redraws itself; elsewhere a line every ten seconds', (t) => {
  const draw = (isTTY: boolean, columns = 80): string[] => {
    const lines: string[] = [];
    let now = 0;
    const sink = { isTTY, columns, write: (text: string) => lines.push(text) };
    const progress = createProgress('x', 10_000_000, sink, () => now);
    for (let step = 0; step < 40; step += 1) {
      now += 500;
      progress.add(250_000);
    }
    progress.done();
    return lines;
  };
  const bar = draw(true);
  t.equal(bar.length, 42, 'each step, the end and its line feed');
  t.ok(bar.slice(0, -1).every((text) => text.startsWith('\r\u001b[K')));
  t.match(bar.at(-2), /100 % {2}10\.0 MB of 10\.0 MB/);
  t.same(draw(true, 0), bar, 'a serial console, whose width is 0, has a bar too');
  const lines = draw(false);
  t.equal(lines.length, 3);
  t.match(lines[0], /^x {2}50 % {2}5\.0 MB of 10\.0 MB {2}500\.0 kB\/s {2}10s left\n$/);
  t.end();
});

t.test('one line of progress', (t) => {
  const line = (done: number, total: number, columns = 80, bar = true): string =>
    progressLine('ui', done, total, 1000, columns, bar);
  t.match(line(50, 100), /^ui {2}\[={15} {15}\] {2}50 %/);
  t.ok(line(50, 100).length <= 80);
  t.notMatch(line(50, 100, 30), /\[/, 'no bar where there is no room');
  t.notMatch(line(50, 100, 80, false), /\[/);
  t.match(line(0, 100), /0 %.*0 B\/s$/, 'no time left without a rate');
  t.match(line(0, 0), /100 %/);
  t.match(line(150, 100), /100 %/, 'never more than all');
  t.end();
});

t.test('sizes, durations and tables', (t) => {
  t.same([0, 999, 1000, 12_345_678, 999_960, 5e12, 5e15].map(formatBytes), [
    '0 B',
    '999 B',
    '1.0 kB',
    '12.3 MB',
    '1.0 MB',
    '5.0 TB',
    '5000.0 TB',
  ]);
  t.same([0, 1, 59_000, 61_000, 3_600_000, 11_400_000].map(formatDuration), [
    '0s',
    '1s',
    '59s',
    '1m 1s',
    '1h 0m',
    '3h 10m',
  ]);
  const table = formatTable(
    [
      ['name', 'size'],
      ['qx-node', '1 B'],
      ['x', '10 kB'],
    ],
    [1],
  );
  t.equal(table, 'name      size\nqx-node    1 B\nx        10 kB');
  t.equal(
    formatTable([
      ['a', ''],
      ['long', ''],
    ]),
    'a\nlong',
    'no spaces at the end',
  );
  t.equal(formatTable([]), '');
  t.end();
});
