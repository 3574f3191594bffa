import fs from 'node:fs';
import t from 'tap';
import { makeForge, sha256 } from '../support/forge.ts';
import {
  type Finished,
  type Running,
  programPath,
  run,
  start,
} from '../support/process.ts';
import { makeHost, makeWorkspace } from '../support/sandbox.ts';
import { installed, running, until } from '../support/scene.ts';

/** Nobody reads any more before the first word is printed, as with a shell that was closed. */
function unread(running: Running): Promise<Finished> {
  running.child.stdout?.destroy();
  running.child.stderr?.destroy();
  return running.ended;
}

t.test('an update goes on when nobody reads what it prints', async (t) => {
  const dir = t.testdir({ tree: {}, host: {} });
  const forge = makeForge(`${dir}/tree`);
  forge.release();
  const host = makeHost(`${dir}/host`, {
    url: `file://${forge.dir}`,
    root: forge.rootBytes,
  });
  const { status, signal } = await unread(host.start(['apply', '--verbose']));
  t.same([status, signal], [0, null]);
  t.match((await host.run(['current'])).stdout, /1\.0\.0/, 'and is installed');
});

t.test('a release that is not well is taken back when nobody reads that', async (t) => {
  const { host, publish, asks, first } = await running(t);
  publish({ version: '1.1.0', exits: true });
  t.equal((await unread(host.start(['run', '--verbose']))).status, 40);
  t.equal(installed(host), sha256(first), 'the old content is back');
  await until(async () => (await asks()) === '1.0.0');
});

t.test('a publisher may look at the first lines only', async (t) => {
  const dir = t.testdir();
  const workspace = await makeWorkspace(`${dir}/w`);
  for (const command of [['verify'], ['lint', '--json'], ['schema'], ['nonsense']]) {
    const asked = await workspace.run(command);
    const running = start(programPath('qx-repo'), command, { cwd: workspace.dir });
    t.equal((await unread(running)).status, asked.status, command.join(' '));
  }
});

const noFull = fs.existsSync('/dev/full')
  ? {}
  : { skip: 'because there is no /dev/full' };

t.test('an answer that does not fit on the disk is a failure', noFull, async (t) => {
  const qxRepo = programPath('qx-repo');
  const ended = await run('sh', ['-c', '"$0" schema > /dev/full', qxRepo]);
  t.equal(ended.status, 31);
  t.match(ended.stderr, /^qx-repo: error: no space left on the disk\n/);
  t.notMatch(ended.stderr, /at .*\.mjs/, 'without a stack');
});
