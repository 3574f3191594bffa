import fs from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { observe } from '../../client/effects/observe.ts';
import {
  type CallOptions,
  effectsAt,
  filesBelow,
  newWorkspace,
  ok,
  qxRepo,
  readJson,
  write,
} from './support.ts';

import {
  OS,
  artifact,
  current,
  listed,
  olderWorkspace,
  release,
} from './older-support.ts';

t.test('without older_api nothing of it is written', async (t) => {
  const workspace = await newWorkspace(path.join(t.testdir(), 'workspace'));
  await ok(workspace, release(workspace, '1.0.0'));
  t.notOk(fs.existsSync(path.join(workspace, 'public/api')));
  t.notOk(fs.existsSync(path.join(workspace, 'public/health')));
});

t.test('every command that moves a pointer moves the answers with it', async (t) => {
  const workspace = await olderWorkspace(t.testdir());
  await ok(workspace, release(workspace, '1.0.0'));
  await ok(workspace, release(workspace, '1.1.0'));
  t.equal(current(workspace, 'dev').version, '1.1.0');
  t.equal(readJson(workspace, OS, 'manifest').version, '1.1.0');
  await ok(workspace, ['point', 'quantix-os', 'beta', '1.0.0']);
  t.equal(current(workspace, 'beta').version, '1.0.0');
  await ok(workspace, ['promote', 'quantix-os', 'dev', 'stable']);
  t.equal(current(workspace, 'stable').version, '1.1.0');
  t.equal(current(workspace, 'stable').channel, 'stable');
  const edited = { product: 'quantix-os', channel: 'lab', version: '1.0.0' };
  write(
    path.join(workspace, 'public/channels/quantix-os/lab.json'),
    JSON.stringify(edited),
  );
  await ok(workspace, ['sign']);
  t.equal(current(workspace, 'lab').version, '1.0.0');
  await ok(workspace, ['withdraw', 'quantix-os', '1.1.0']);
  t.equal(current(workspace, 'stable').version, '1.0.0');
  t.equal(readJson(workspace, OS, 'manifest').version, '1.0.0');
  t.same(listed(workspace), ['dev 1.0.0', 'beta 1.0.0', 'stable 1.0.0', 'lab 1.0.0']);
  t.same(listed(workspace, 'channels/beta/releases.json'), ['beta 1.0.0']);
  t.match(await ok(workspace, ['verify']), { exitCode: 0, warnings: [] });
});

t.test('an artifact is made once, and not again of the same content', async (t) => {
  const dir = t.testdir();
  const workspace = await olderWorkspace(dir);
  await ok(workspace, release(dir, '1.0.0'));
  const opened: string[] = [];
  const watch = (): CallOptions => ({
    effects: observe(effectsAt(), ({ name, args }) => {
      if (name === 'files.open' && args[1] === 'create') opened.push(String(args[0]));
    }),
  });
  const packed = (): string[] => opened.filter((file) => file.endsWith('.tar.gz'));
  const before = filesBelow(path.join(workspace, 'public/api'));
  await ok(workspace, release(dir, '1.0.0'), watch());
  await ok(workspace, ['point', 'quantix-os', 'beta', '1.0.0'], watch());
  t.same(packed(), []);
  const after = filesBelow(path.join(workspace, 'public/api'));
  for (const [name, bytes] of Object.entries(before))
    if (name.endsWith('.tar.gz')) t.equal(after[name], bytes, name);

  const program = write(path.join(dir, 'other'), '#!/bin/sh\necho other\n', 0o755);
  const carry = ['--carry', '--component', `qx-node=${program}`];
  const product = ['--product', 'quantix-os', '--version', '1.1.0', '--channel', 'dev'];
  fs.rmSync(path.join(workspace, 'public/objects'), { recursive: true });
  await ok(workspace, ['generate', ...product, ...carry]);
  const same = ['1.0.0', '1.1.0'].map((version) =>
    fs.readFileSync(artifact(workspace, version, 'host-ui')),
  );
  t.ok(same[0]?.equals(same[1] as Buffer), 'copied, though its object is gone');
  t.match(
    gunzipSync(fs.readFileSync(artifact(workspace, '1.1.0'))).toString(),
    'echo other',
  );

  fs.rmSync(artifact(workspace, '1.1.0', 'qx-node'));
  await ok(workspace, ['sign']);
  t.ok(fs.existsSync(artifact(workspace, '1.1.0')), 'one that is lost is made again');
});

t.test('older hosts wait until a pause or a rollout is over', async (t) => {
  const workspace = await olderWorkspace(t.testdir());
  await ok(workspace, release(workspace, '1.0.0'));
  await ok(workspace, release(workspace, '1.1.0', 'other'));
  const file = path.join(workspace, 'public/channels/quantix-os/dev.json');
  const rollout = { start: '2026-03-01T12:00:00Z', hours: 24, from: 1, to: 100 };
  for (const policy of [{ paused: true }, { rollout }]) {
    const draft = { product: 'quantix-os', channel: 'dev', version: '1.1.0', ...policy };
    write(file, JSON.stringify(draft));
    await ok(workspace, ['sign']);
    t.equal(current(workspace, 'dev').version, '1.0.0');
  }
  write(
    file,
    JSON.stringify({ product: 'quantix-os', channel: 'dev', version: '1.1.0' }),
  );
  await ok(workspace, ['sign']);
  t.equal(current(workspace, 'dev').version, '1.1.0');
});

t.test('other architectures are no business of older hosts', async (t) => {
  const workspace = await olderWorkspace(t.testdir());
  await ok(workspace, [...release(workspace, '1.0.0'), '--arch', 'aarch64']);
  t.notOk(fs.existsSync(path.join(workspace, OS, 'manifest')));
  await ok(workspace, release(workspace, '1.0.0'));
  t.equal(readJson(workspace, OS, 'manifest').version, '1.0.0');
});

t.test(
  'a product that would lie in the way of /api/v1/channels is refused',
  async (t) => {
    const dir = t.testdir();
    const workspace = await olderWorkspace(dir);
    const file = write(path.join(dir, 'file'), 'x');
    const named = ['--component', `a=${file}`, '--install-path', 'a=/opt/a'];
    const args = ['generate', '--product', 'channels', '--version', '1.0.0', ...named];
    const { status, stderr } = await qxRepo(workspace, [...args, '--channel', 'dev']);
    t.equal(status, 78);
    t.match(stderr, 'no product may be called "channels"');
  },
);

t.test('cut off anywhere, the next call completes the answers', async (t) => {
  const dir = t.testdir();
  const origin = await olderWorkspace(dir);
  await ok(origin, release(dir, '1.0.0'));
  const whole = path.join(dir, 'whole');
  fs.cpSync(origin, whole, { recursive: true });
  await ok(whole, release(dir, '1.1.0'));
  const wanted = filesBelow(path.join(whole, 'public'));
  let cuts = 0;
  for (let last = 1; ; last += 2) {
    const workspace = path.join(dir, 'cut');
    fs.rmSync(workspace, { recursive: true, force: true });
    fs.cpSync(origin, workspace, { recursive: true });
    let changes = 0;
    const effects = observe(effectsAt(), ({ name }) => {
      if (['files.rename', 'files.remove', 'files.open.write'].includes(name))
        changes += 1;
      if (changes > last) throw new Error('cut off');
    });
    const { status } = await qxRepo(workspace, release(dir, '1.1.0'), { effects });
    if (status === 0) break;
    cuts += 1;
    refuseEarlyAnswers(t, workspace);
    await ok(workspace, release(dir, '1.1.0'));
    t.same(filesBelow(path.join(workspace, 'public')), wanted, `after ${last} effects`);
  }
  t.ok(cuts > 20, `${cuts} cuts`);
});

/** What is named is there: an answer never comes before its artifacts. */
function refuseEarlyAnswers(t: Test, workspace: string): void {
  const { version, components } = current(workspace, 'dev') as {
    version: string;
    components: { name: string; size_bytes: number }[];
  };
  for (const { name, size_bytes } of components) {
    const file = artifact(workspace, version, name);
    t.equal(fs.statSync(file).size, size_bytes, `${version} ${name}`);
  }
}
