import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { needs, needsMounts } from '../support/needs.ts';
import { start } from '../support/process.ts';
import {
  curl,
  makeSite,
  type Replied,
  type Site,
  startServing,
} from '../support/serving.ts';

/** PUT config with what looks well and would leave a host without updates, or without a way to say so. */

const PROGRAMS = ['curl', 'openssl'];
const NODE = '#!/bin/sh\necho qx-node\n';
const PUT = ['-X', 'PUT', '-H', 'Content-Type: application/json'];

interface Asked {
  site: Site;
  /** The file as it stands. */
  text: () => string;
  put: (body: object) => Promise<Replied>;
  /** The change is refused for this reason, nothing is written, and the host goes on. */
  refused: (t: Test, body: object, reason: RegExp, status?: number) => Promise<void>;
}

async function ask(t: Test): Promise<Asked> {
  const site = await makeSite(t);
  await site.publish('1.0.0', { 'qx-node': NODE });
  const serving = await startServing(t, site.host);
  const text = (): string =>
    fs.readFileSync(site.host.path('/quantix/update.toml'), 'utf8');
  const put = (body: object): Promise<Replied> => {
    const words = ['-H', serving.token(), '-d', JSON.stringify(body)];
    return serving.ask('config', ...PUT, ...words);
  };
  const refused = async (
    t: Test,
    body: object,
    reason: RegExp,
    status = 422,
  ): Promise<void> => {
    const before = text();
    const reply = await put(body);
    t.equal(reply.status, status, reply.body);
    t.match(reply.body, reason);
    t.equal(text(), before, 'nothing is written');
    t.equal((await serving.ask('status')).status, 200);
    t.notOk(fs.existsSync(site.host.path('/data/updates/serve/trial')));
  };
  return { site, text, put, refused };
}

t.test(
  'a mirror that shows less than this host has seen',
  needs(...PROGRAMS),
  async (t) => {
    const { site, put, refused } = await ask(t);
    const { workspace, host, dir } = site;
    const copy = (name: string): string => {
      fs.cpSync(workspace.public, path.join(dir, name), { recursive: true });
      return `file://${path.join(dir, name)}`;
    };
    const rollout = ['rollout', 'quantix-os', 'stable'];
    await workspace.ok(['promote', 'quantix-os', 'stable', 'beta']);
    const old = copy('old');
    const move = async (): Promise<void> => {
      await workspace.ok([...rollout, 'start', '--hours', '1']);
      await workspace.ok([...rollout, 'finish']);
      t.equal((await host.run(['apply'])).status, 0);
    };
    await move();
    await refused(t, { serverUrl: old }, /older pointer than this host has seen/);

    // Whoever has the old key may sign a channel of which this host has seen nothing.
    await workspace.ok(['keygen', 'channel-2', '--no-password']);
    await workspace.ok(['root', 'rotate', 'channel', 'channel', 'channel-2']);
    await move();
    await refused(t, { serverUrl: old, channel: 'beta' }, /no key|signature/);

    const changed = await put({ serverUrl: copy('same'), channel: 'beta' });
    t.equal(changed.status, 200, changed.body);
    t.equal((await host.run(['check'])).status, 0, 'one that shows the same is as good');
  },
);

t.test('a volume that others could change', needs(...PROGRAMS), async (t) => {
  const { site, refused } = await ask(t);
  const volume = site.host.path('/mnt/stick');
  fs.mkdirSync(volume, { recursive: true });
  fs.chmodSync(volume, 0o777);
  const body = { storageLocation: 'volume', volumePath: '/mnt/stick' };
  await refused(t, body, /others could change what this host goes by/);
  t.equal((await site.host.run(['check'])).status, 0);
});

t.test(
  'a volume that cannot be written',
  { ...needs(...PROGRAMS), ...needsMounts() },
  async (t) => {
    const { site, refused } = await ask(t);
    const volume = site.host.path('/mnt/disk');
    fs.mkdirSync(volume, { recursive: true });
    const words = ['-t', 'tmpfs', '-o', 'ro,mode=755', 'quantix-test', volume];
    execFileSync('mount', words);
    t.teardown(() => execFileSync('umount', [volume]));
    const body = { storageLocation: 'volume', volumePath: '/mnt/disk' };
    await refused(t, body, /cannot be used[^]*EROFS/);
  },
);

t.test('another storage under a run', needs('flock', ...PROGRAMS), async (t) => {
  const { site, refused } = await ask(t);
  const { host } = site;
  fs.mkdirSync(host.path('/mnt/disk'), { recursive: true });
  const body = { storageLocation: 'volume', volumePath: '/mnt/disk' };
  const lock = host.path('/data/updates/lock');
  const held = start('flock', ['-F', lock, 'sh', '-c', 'echo held; exec sleep 600']);
  t.teardown(() => held.child.kill());
  await held.printed(/held/);
  await refused(t, body, /update_in_progress/, 409);
});

t.test('a file that somebody has broken since', needs(...PROGRAMS), async (t) => {
  const { site, text, refused } = await ask(t);
  fs.appendFileSync(site.host.path('/quantix/update.toml'), 'chanel = "beta"\n');
  await refused(t, { channel: 'beta' }, /chanel/);
  t.match(text(), /chanel/);
});

t.test('what the environment has the last word on', needs(...PROGRAMS), async (t) => {
  const site = await makeSite(t);
  const { host } = site;
  await site.publish('1.0.0', { 'qx-node': NODE });
  const words = ['serve', '--listen', 'none', '--socket', '/run/update.sock'];
  const running = host.start(words, { env: { QX_UPDATE_CHANNEL: 'stable' } });
  t.teardown(() => running.child.kill('SIGKILL'));
  await running.printed(/^listening: /m);
  const url = 'http://any/api/v1/updates/config';
  const socket = ['--unix-socket', host.path('/run/update.sock')];
  const reply = await curl([...socket, ...PUT, '-d', '{"channel": "beta"}', url]);
  t.equal(reply.status, 422);
  t.match(reply.body, /"channel\\" is set by the environment/);
});
