import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { programPath, run, start } from '../support/process.ts';
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
  await t.test('what it says to type next runs', (t) =>
    typeNext(t, ended[0]?.stdout ?? ''),
  );
  const left = fs.readdirSync(path.join(dir, 'one'));
  t.equal(left.length, 1, 'everything is in one folder');
  t.ok(
    fs.existsSync(path.join(dir, 'one', left[0] ?? '', 'repository/public/root/1.json')),
  );
});

const STAYS = /^node \S+ .*\bserve\b/;

/** Types the commands of the closing screen in its folder, in order; servers stay until the end. */
async function typeNext(t: Test, screen: string): Promise<void> {
  const [, after = ''] = screen.split('What to type next\n');
  const [block = ''] = after.split('\n\n');
  const [first = '', ...lines] = block.split('\n').map((line) => line.trim());
  t.match(first, /^cd \//);
  const options = { cwd: first.slice('cd '.length) };
  // What stands behind a wide gap is told to the reader.
  const commands = lines.map((line) => line.split(/ {4,}/)[0] ?? '');
  for (const name of [/rollout .* simulate/, /doctor/, /--root host serve/])
    t.ok(
      commands.some((command) => name.test(command)),
      String(name),
    );
  for (const command of commands) {
    const [program = '', ...args] = command.split(' ');
    if (!STAYS.test(command)) {
      const { status, stdout, stderr } = await run(program, args, options);
      const printed = `${command}\n${stdout}${stderr}`;
      const finds = command.endsWith('doctor');
      t.equal(status, finds ? 75 : 0, printed);
      if (finds) t.match(stdout, /1\.3\.0 was taken back[^]*--retry-refused/, printed);
      continue;
    }
    const server = start(program, args, options);
    t.teardown(() => server.child.kill());
    await server.printed(/https?:\/\//);
  }
}
