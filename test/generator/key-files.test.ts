import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { needs } from '../support/needs.ts';
import { programPath, run } from '../support/process.ts';
import { snapshot } from '../support/snapshot.ts';
import { newWorkspace, ok, qxRepo, smallRelease } from './support.ts';

async function released(dir: string): Promise<string> {
  const workspace = await newWorkspace(path.join(dir, 'w'));
  const release = ['generate', '--version', '1.0.0', '--channel', 'dev'];
  await ok(workspace, [...release, ...smallRelease(dir, 'a')]);
  return workspace;
}

/** To a channel of its own, so that each time something is signed. */
const promote = (channel: string): string[] => ['promote', 'quantix-os', 'dev', channel];

t.test('a key file that others can read or write is refused', async (t) => {
  const workspace = await released(t.testdir());
  const key = path.join(workspace, 'keys/channel.key');
  const before = snapshot(path.join(workspace, 'public'));
  for (const mode of [0o644, 0o640, 0o660, 0o604, 0o620, 0o602]) {
    fs.chmodSync(key, mode);
    const ways: [args: string[], env?: Record<string, string>][] = [
      [[]],
      [['--key', key]],
      [[], { QX_REPO_SECRET_KEY: key }],
    ];
    for (const [args, env = {}] of ways) {
      const refused = await qxRepo(workspace, [...promote('beta'), ...args], { env });
      t.equal(refused.status, 78, mode.toString(8));
      t.match(refused.stderr, `found     mode 0${mode.toString(8)}`);
      t.match(refused.stderr, `hint: chmod 600 ${key};`);
    }
  }
  t.strictSame(snapshot(path.join(workspace, 'public')), before);
  for (const mode of [0o600, 0o400]) {
    fs.chmodSync(key, mode);
    t.match(
      await ok(workspace, promote(`m${mode}`)),
      { version: '1.0.0' },
      mode.toString(8),
    );
  }
});

t.test(
  'a key in a folder where every user could put another one is refused',
  async (t) => {
    const dir = t.testdir();
    const workspace = await released(dir);
    const keys = path.join(workspace, 'keys');
    for (const [mode, status] of [
      [0o777, 78],
      [0o702, 78],
      [0o1777, 0],
      [0o755, 0],
    ] as const) {
      fs.chmodSync(keys, mode);
      const ended = await qxRepo(workspace, promote(`m${mode}`));
      t.equal(ended.status, status, mode.toString(8));
      if (status !== 0) t.match(ended.stderr, `hint: chmod o-w ${keys}`);
    }
    const link = path.join(dir, 'link.key');
    fs.symlinkSync(path.join(keys, 'channel.key'), link);
    fs.chmodSync(keys, 0o777);
    const led = await qxRepo(workspace, [...promote('led'), '--key', link]);
    t.equal(led.status, 78, 'the folder that the link leads to counts');
  },
);

t.test('keys are made for their owner alone, whatever the umask', async (t) => {
  const workspace = await newWorkspace(path.join(t.testdir(), 'w'));
  const umask = process.umask(0);
  t.teardown(() => void process.umask(umask));
  await ok(workspace, ['keygen', 'more', '--no-password']);
  const mode = (name: string): number =>
    fs.statSync(path.join(workspace, 'keys', name)).mode & 0o777;
  t.equal(mode('more.key'), 0o600);
  t.equal(mode(''), 0o700);
});

t.test(
  'the keys that stock minisign makes are taken as they lie',
  needs('minisign'),
  async (t) => {
    const dir = t.testdir({ keys: {} });
    for (const name of ['root', 'release', 'channel']) {
      const files = ['-s', `${dir}/keys/${name}.key`, '-p', `${dir}/keys/${name}.pub`];
      execFileSync('minisign', ['-G', '-W', ...files]);
    }
    t.ok(await ok(dir, ['init', '.', '--repository', 'test', '--no-keys']));
  },
);

t.test('a key comes from a pipe, where nobody else sees it', async (t) => {
  const workspace = await released(t.testdir());
  const key = path.join(workspace, 'keys/channel.key');
  const words = [programPath('qx-repo'), ...promote('beta'), '--key', '/dev/stdin'].join(
    ' ',
  );
  const given = await run('sh', ['-c', `cat ${key} | ${words}`], { cwd: workspace });
  t.equal(given.status, 0, given.stderr);
});
