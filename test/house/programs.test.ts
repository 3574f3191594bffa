import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { programPath, run } from '../support/process.ts';
import { ROOT } from '../support/setup.mjs';
import { snapshot } from '../support/snapshot.ts';

const CLIENT_BYTES_MAX = 500_000;
const BUILD = path.join(ROOT, 'client/build.mjs');
const PROGRAMS = ['qx-update', 'qx-repo'] as const;

t.test('the client is one file that runs alone in an empty folder', async (t) => {
  const dir = t.testdir();
  const file = path.join(dir, 'qx-update');
  fs.copyFileSync(programPath('qx-update'), file);
  const { status, stdout, stderr } = await run(file, ['--version'], { cwd: dir });
  t.same([status, stderr], [0, '']);
  t.match(stdout, /^qx-update \d+\.\d+\.\d+\n$/);
  t.ok(fs.statSync(file).size < CLIENT_BYTES_MAX, 'below 500 kB');
});

t.test('both programs print their help', async (t) => {
  for (const program of PROGRAMS) {
    const { status, stdout } = await run(programPath(program), ['--help']);
    t.equal(status, 0, program);
    t.match(stdout, `$ ${program} `);
  }
});

t.test('the same sources build the same bytes', async (t) => {
  const dir = t.testdir();
  const build = async (name: string): Promise<object> => {
    const out = path.join(dir, name);
    const { status, stderr } = await run(process.execPath, [BUILD, out]);
    t.equal(status, 0, stderr);
    return snapshot(out);
  };
  const first = await build('first');
  t.match(first, { 'qx-update.cjs': /^file 0755 /, 'qx-repo.mjs': /^file 0755 / });
  t.same(await build('second'), first);
});
