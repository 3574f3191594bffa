import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { qxRepo } from '../support/process.ts';

t.test(
  'each kind of ending has its exit code, and errors go to standard error',
  async (t) => {
    const dir = t.testdir({ 'qx-node': 'program' });
    const workspace = ['--workspace', path.join(dir, 'w')];
    const release = [
      'generate',
      '--product',
      'quantix-os',
      '--version',
      '1.0.0',
      '--component',
      'qx-node=qx-node',
    ];
    const rows: [args: string[], status: number, stderr: RegExp][] = [
      [['init', 'w', '--repository', 'test', '--no-password', '--quiet'], 0, /^$/],
      [[...release, ...workspace, '--quiet'], 0, /^$/],
      [['point', 'quantix-os', 'dev', '1.0.0', ...workspace], 0, /^$/],
      [['nonsense'], 2, /no such command/],
      [['point', 'quantix-os', ...workspace], 2, /an argument is missing/],
      [[...release, ...workspace, '--unheard-of'], 2, /--unheard-of/],
      [['sign', '--workspace', dir], 78, /quantix-repo\.toml is missing/],
    ];
    for (const [args, status, stderr] of rows) {
      const ended = await qxRepo(args, { cwd: dir });
      t.equal(ended.status, status, `${args.join(' ')}\n${ended.stderr}`);
      t.match(ended.stderr, stderr);
      if (status !== 0) t.equal(ended.stdout, '');
    }
  },
);

t.test(
  '--json prints one value, and an error as one value on standard error',
  async (t) => {
    const dir = t.testdir();
    const made = await qxRepo(
      ['init', 'w', '--repository', 'test', '--no-password', '--json'],
      { cwd: dir },
    );
    t.match(JSON.parse(made.stdout), {
      schemaVersion: 1,
      repository: 'test',
      keysMade: 3,
    });
    const refused = await qxRepo(['sign', '--json'], { cwd: dir });
    t.equal(refused.stdout, '');
    t.match(JSON.parse(refused.stderr), {
      schemaVersion: 1,
      error: { code: 'config', exitCode: 78 },
    });
  },
);

t.test('--help names every command, and each command has examples', async (t) => {
  const { stdout, status } = await qxRepo(['--help']);
  t.equal(status, 0);
  for (const name of [
    'init',
    'keygen',
    'generate',
    'point',
    'promote',
    'sign',
    'root show',
    'schema',
  ]) {
    t.match(stdout, new RegExp(`^ +${name} `, 'm'));
    const help = await qxRepo([...name.split(' '), '--help']);
    t.equal(help.status, 0);
    t.match(help.stdout, /Examples\n +\$ qx-repo /);
  }
});

t.test(
  'kill -9 in the middle of a release: the lock is free and the next run completes it',
  async (t) => {
    const dir = t.testdir();
    fs.writeFileSync(
      path.join(dir, 'qx-node'),
      Buffer.alloc(60_000_000, 'some text that takes a while to compress '),
    );
    await qxRepo(['init', 'w', '--repository', 'test', '--no-password'], { cwd: dir });
    const cwd = path.join(dir, 'w');
    const release = [
      'generate',
      '--product',
      'quantix-os',
      '--version',
      '1.0.0',
      '--channel',
      'dev',
      '--component',
      'qx-node=../qx-node',
      '--fast',
    ];
    const killed = await qxRepo(release, { cwd, timeoutMs: 350 });
    t.equal(killed.signal, 'SIGKILL');
    const ended = await qxRepo(release, { cwd });
    t.equal(ended.status, 0, ended.stderr);
    t.same(fs.readdirSync(path.join(cwd, '.qx-repo/staging')), []);
    t.equal((await qxRepo(['verify'], { cwd })).status, 0);
  },
);
