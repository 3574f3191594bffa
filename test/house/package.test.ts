import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { programPath } from '../support/process.ts';
import { ROOT } from '../support/setup.mjs';

t.test('the packed package brings both programs into an empty folder', (t) => {
  programPath('qx-update');
  const dir = t.testdir({
    project: { 'package.json': '{"name": "consumer", "private": true}' },
  });
  const npm = (args: string[], cwd: string): string =>
    execFileSync('npm', args, {
      cwd,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  const [packed] = JSON.parse(
    npm(['pack', '--json', '--pack-destination', dir], ROOT),
  ) as [{ filename: string; files: { path: string }[] }];
  const files = packed.files.map((file) => file.path);
  for (const file of [
    'dist/qx-update.cjs',
    'dist/qx-repo.mjs',
    'dist/man/qx-update.8',
    'dist/man/qx-repo.1',
    'client/TROUBLESHOOTING.md',
  ])
    t.ok(files.includes(file), file);
  t.notOk(
    files.some((file) => file.startsWith('test/')),
    'tests stay at home',
  );

  const project = path.join(dir, 'project');
  npm(
    [
      'install',
      '--no-audit',
      '--no-fund',
      '--prefer-offline',
      '--omit=dev',
      path.join(dir, packed.filename),
    ],
    project,
  );
  const { version } = JSON.parse(
    fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8'),
  ) as { version: string };
  const bin = (name: string, args: string[]): string =>
    execFileSync(path.join(project, 'node_modules/.bin', name), args, {
      cwd: project,
      encoding: 'utf8',
    });
  t.equal(bin('qx-repo', ['--version']), `qx-repo ${version}\n`);
  t.equal(bin('qx-update', ['--version']), `qx-update ${version}\n`);

  bin('qx-repo', ['init', 'repo', '--repository', 'example', '--no-password']);
  t.ok(
    fs.existsSync(path.join(project, 'repo/public/index.html')),
    'init finds the template in the package',
  );
  t.end();
});
