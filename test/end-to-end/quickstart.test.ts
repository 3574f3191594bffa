import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { programPath, run } from '../support/process.ts';
import { ROOT } from '../support/setup.mjs';

const SCRIPT = path.join(ROOT, 'test/quickstart/quickstart.mjs');

t.test('two quickstarts side by side both reach their closing screen', async (t) => {
  programPath('qx-repo');
  const dir = t.testdir({ one: {}, two: {} });
  const ended = await Promise.all(
    ['one', 'two'].map((name) =>
      run(process.execPath, [SCRIPT], { env: { TMPDIR: path.join(dir, name) } }),
    ),
  );
  for (const { status, stdout, stderr } of ended) {
    t.equal(status, 0, stderr);
    t.match(
      stdout,
      /installed quantix-os 1\.0\.0[\s\S]*--version\n {4}0\.28\.1/,
      'installs and runs',
    );
    t.match(stdout, /host-ui +1\.0\.0 +\S+ MB +installed/, 'downloads only what changed');
    t.match(
      stdout,
      /an object is not what the manifest says/,
      'refuses what was tampered with',
    );
    t.match(
      stdout,
      /health check failed: qx-node[^\n]*quantix-os 1\.2\.0 is back/,
      'takes it back',
    );
    t.match(
      stdout,
      /quantix-os 1\.1\.0 is back \(before: quantix-os 1\.2\.0\)/,
      'goes back by hand',
    );
    t.match(stdout, /Done in \d+ s/, 'comes to its end');
    t.match(stdout, /What to type next/);
  }
  const left = fs.readdirSync(path.join(dir, 'one'));
  t.equal(left.length, 1, 'everything is in one folder');
  t.ok(
    fs.existsSync(path.join(dir, 'one', left[0] ?? '', 'repository/public/root/1.json')),
  );
});
