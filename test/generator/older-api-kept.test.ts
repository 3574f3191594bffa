import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { newWorkspace, filesBelow, ok, qxRepo, readJson, write } from './support.ts';
import {
  OS,
  artifact,
  current,
  listed,
  newJob,
  olderWorkspace,
  release,
  switchOn,
} from './older-support.ts';

const LATER = { now: '2026-05-20T12:00:00Z' };

t.test('a job that begins with pull goes on where the host stands', async (t) => {
  const dir = t.testdir();
  const home = await olderWorkspace(dir);
  await ok(home, release(dir, '1.0.0'));
  await ok(home, ['promote', 'quantix-os', 'dev', 'stable']);
  await ok(home, release(dir, '1.1.0'));
  const job = newJob(dir, home);
  await ok(job, ['pull', path.join(home, 'public')]);
  t.same(listed(job), listed(home));
  t.same(
    current(job, 'dev'),
    current(home, 'dev'),
    'with artifacts that lie at the host',
  );
  t.notOk(fs.existsSync(artifact(job, '1.1.0')));

  const program = write(path.join(dir, 'other'), '#!/bin/sh\necho other\n', 0o755);
  const args = [
    '--product',
    'quantix-os',
    '--version',
    '1.2.0',
    '--channel',
    'dev',
    '--carry',
  ];
  await ok(job, ['generate', ...args, '--component', `qx-node=${program}`]);
  await ok(home, ['generate', ...args, '--component', `qx-node=${program}`]);
  for (const name of ['qx-node', 'host-ui']) {
    const [there, here] = [job, home].map((each) =>
      fs.readFileSync(artifact(each, '1.2.0', name)),
    );
    t.ok(there?.equals(here as Buffer), `${name} has the same bytes on either machine`);
  }
  t.same(listed(job), ['dev 1.2.0', 'dev 1.1.0', 'dev 1.0.0', 'stable 1.0.0']);
  await ok(job, ['point', 'quantix-os', 'beta', '1.0.0']);
  t.same(current(job, 'beta').components, current(home, 'stable').components);
  t.equal((await ok(job, ['verify'])).exitCode, 0);
});

t.test('a served answer that is nonsense is passed over by pull', async (t) => {
  const dir = t.testdir();
  const home = await olderWorkspace(dir);
  await ok(home, release(dir, '1.0.0'));
  const served = path.join(dir, 'served');
  fs.cpSync(path.join(home, 'public'), served, { recursive: true });
  const row = {
    version: '6.6.6',
    channel: 'dev',
    release_date: '2026-01-01T00:00:00Z',
    update_type: 'full',
  };
  const index = path.join(served, 'api/v1/quantix-os/releases/index.json');
  for (const text of ['<html>', '[1]', JSON.stringify([row]), 'x'.repeat(6 << 20)]) {
    fs.writeFileSync(index, text);
    const job = newJob(dir, home);
    await ok(job, ['pull', served]);
    t.same(listed(job), ['dev 1.0.0'], text.slice(0, 20));
  }
});

t.test(
  'a tree that gets the older API later begins with what channels have',
  async (t) => {
    const dir = t.testdir();
    const workspace = await newWorkspace(path.join(dir, 'workspace'));
    await ok(workspace, release(dir, '1.0.0'));
    await ok(workspace, release(dir, '1.1.0'));
    switchOn(workspace);
    await ok(workspace, ['sign']);
    t.same(listed(workspace), ['dev 1.1.0']);
    const job = newJob(dir, workspace);
    fs.rmSync(path.join(workspace, 'public/api'), { recursive: true });
    await ok(job, ['pull', path.join(workspace, 'public')]);
    t.ok(fs.existsSync(artifact(job, '1.1.0')), 'pull brings the contents that it takes');
    const older = await qxRepo(job, ['point', 'quantix-os', 'beta', '1.0.0']);
    t.equal(older.status, 78);
    t.match(older.stderr, 'pull URL --objects');
    await ok(job, ['pull', path.join(workspace, 'public'), '--objects']);
    await ok(job, ['point', 'quantix-os', 'beta', '1.0.0']);
    t.equal(current(job, 'beta').version, '1.0.0');
  },
);

t.test('prune takes the answers and artifacts of what it drops along', async (t) => {
  const dir = t.testdir();
  const workspace = await olderWorkspace(dir);
  for (const version of ['1.0.0', '1.1.0', '1.2.0', '1.3.0'])
    await ok(workspace, release(dir, version));
  await ok(workspace, ['withdraw', 'quantix-os', '1.3.0']);
  const before = Object.keys(filesBelow(path.join(workspace, 'public')));
  const done = await ok(workspace, ['prune', '--keep', '1', '--apply'], LATER);
  const after = Object.keys(filesBelow(path.join(workspace, 'public')));
  const paths = done.paths as string[];
  t.same(before.filter((name) => !after.includes(name)).sort(), [...paths].sort());
  const gone = (version: string): number =>
    paths.filter((name) => name.startsWith(`api/`) && name.includes(version)).length;
  t.same(['1.0.0', '1.1.0', '1.2.0', '1.3.0'].map(gone), [4, 4, 0, 0]);
  t.same(listed(workspace), ['dev 1.2.0']);
  t.same(Object.keys(readJson(workspace, OS, 'artifacts.json')), ['1.2.0', '1.3.0']);
  t.equal((await ok(workspace, ['verify'], LATER)).exitCode, 0);

  // A version that is published again is neither pruned once more nor deleted at the host.
  const again = release(dir, '1.0.0', 'again');
  again[again.indexOf('--issued') + 1] = LATER.now;
  await ok(workspace, again, LATER);
  const { paths: left } = (await ok(workspace, ['prune', '--keep', '1'], LATER)) as {
    paths: string[];
  };
  t.notOk(left.some((name) => name.startsWith('api/') && name.includes('1.0.0')));
  const { paths: removable } = (await ok(workspace, ['prune', '--removable'], LATER)) as {
    paths: string[];
  };
  t.same(
    removable.filter((name) => name.startsWith('api/') && name.includes('1.0.0')),
    ['api/v1/quantix-os/channels/dev/releases/1.0.0.json'],
    'but dev has it no more',
  );
});
