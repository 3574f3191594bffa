import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { needs } from '../support/needs.ts';
import { ROOT } from '../support/setup.mjs';
import { measureRow } from './bench.ts';
import { ratioLine } from './line.ts';
import { PLAINLY, inTurn, measure, median } from './measure.ts';
import type { Scale } from './row.ts';
import { ROWS } from './rows/index.ts';
import { tableOf, writeBetweenMarks } from './table.ts';

/** Enough for each row to do all that it does; how long it takes is not looked at. */
const TINY: Scale = {
  largeBytes: 300_000,
  smallBytes: 200_000,
  downloads: 2,
  runs: 2,
  old: 4,
  young: 2,
  generates: 1,
  publishBytes: [60_000, 50_000, 40_000],
  clients: 3,
};

for (const row of ROWS) {
  t.test(
    `the row ${row.name} measures something on both sides`,
    needs('nginx', 'curl', 'openssl', 'brotli'),
    async (t) => {
      const lines = await measureRow(row, TINY, () => undefined);
      t.ok(lines.length > 0);
      for (const line of lines) {
        t.match(line.measured, /\d/, line.work);
        t.notMatch(
          `${line.measured} ${line.result}`,
          /NaN|Infinity|undefined/,
          line.work,
        );
      }
      // What does not depend on the machine holds here as well.
      for (const line of lines.filter(({ bar }) => /^\d+$/.test(bar)))
        t.ok(line.met, line.work);
    },
  );
}

t.test('CPU is counted of every part of a pipe, and waiting is not CPU', async (t) => {
  const burn = 'for (let i = 0; i < 2e8; i += 1);';
  const { cpuMs, stdout } = await measure(
    '"$1" -e "$2" | "$1" -e "$2" | "$1" -e "$2" && echo done',
    [process.execPath, burn],
  );
  const one = await measure(PLAINLY, [process.execPath, '-e', burn]);
  t.equal(stdout, 'done\n');
  t.ok(cpuMs > one.cpuMs, `${cpuMs} of three, ${one.cpuMs} of one`);
  const idle = await measure('sleep 1', []);
  t.ok(idle.cpuMs < idle.wallMs, `${idle.cpuMs} of ${idle.wallMs}`);
});

t.test('a side that fails is no measurement', async (t) => {
  await t.rejects(measure('false | cat', []), /ended with 1/);
  await t.rejects(
    measure('echo', ['x']).then(() => measure('exit 3', [])),
    /ended with 3/,
  );
});

t.test('both sides run as often, and take turns in beginning', async (t) => {
  const order: string[] = [];
  const side = (name: string) => async () => order.push(name);
  const { ours, theirs } = await inTurn(3, side('ours'), side('theirs'));
  t.same([ours.length, theirs.length], [3, 3]);
  t.same(order, ['ours', 'theirs', 'theirs', 'ours', 'ours', 'theirs']);
  t.same([median([3, 1, 2]), median([4, 1, 3, 2]), median([5])], [2, 2.5, 5]);
});

t.test('a ratio is held against its bar', async (t) => {
  const about = { work: 'w', against: 'a' };
  const rows: [
    ours: number,
    bar: Parameters<typeof ratioLine>[3],
    met: boolean,
    shown: string,
  ][] = [
    [140, { atMost: 1.4 }, true, '≤ 1.4'],
    [141, { atMost: 1.4 }, false, '≤ 1.4'],
    [199, { below: 2 }, true, '< 2'],
    [200, { below: 2 }, false, '< 2'],
    [900, undefined, true, '–'],
  ];
  for (const [ours, bar, met, shown] of rows)
    t.match(ratioLine(about, [ours], [100], bar), {
      met,
      bar: shown,
      result: (ours / 100).toFixed(2),
    });
});

t.test('the table replaces the one before it, and nothing around it', async (t) => {
  const readme = fs.readFileSync(path.join(ROOT, 'test/bench/README.md'), 'utf8');
  const dir = t.testdir({ 'README.md': readme });
  const file = path.join(dir, 'README.md');
  const line = ratioLine({ work: 'w', against: '`a | b`' }, [2], [1], { below: 2 });
  writeBetweenMarks(file, tableOf([line]));
  writeBetweenMarks(file, tableOf([line]));
  const written = fs.readFileSync(file, 'utf8');
  t.equal(
    written.split('\n| w | `a \\| b` | 2 ms : 1 ms | 2.00 | < 2 | **missed** |\n').length,
    2,
  );
  const outside = (text: string): string[] => text.split(/<!-- [\s\S]*<!-- end -->/);
  t.same(outside(written), outside(readme));
  t.throws(() => writeBetweenMarks(path.join(ROOT, 'LICENSE'), ''), /no marks/);
});

t.test('a row that does not exist is a usage error', async (t) => {
  const { status, stderr } = spawnSync(
    process.execPath,
    ['test/bench/bench.mjs', 'nothing'],
    {
      cwd: ROOT,
      encoding: 'utf8',
    },
  );
  t.equal(status, 2);
  t.match(stderr, 'rows are download, nothing-new');
});
