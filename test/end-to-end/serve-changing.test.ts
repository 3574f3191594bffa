import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import t, { type Test } from 'tap';
import { needs } from '../support/needs.ts';
import { startNginx } from '../support/nginx.ts';
import type { Host } from '../support/sandbox.ts';
import {
  askUntil,
  configureServe,
  curl,
  makeSite,
  type Replied,
  startServing,
} from '../support/serving.ts';

/** What changes a host through its API, by the built client, over real sockets. */

const PROGRAMS = ['curl', 'openssl'];
const JSON_BODY = ['-H', 'Content-Type: application/json'];
/** As the web UI posts: it says JSON and sends none. */
const UI_POST = ['-X', 'POST', '-H', 'Accept: application/json', ...JSON_BODY];
const NODE = '#!/bin/sh\necho qx-node\n';

async function takenPort(t: Test): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  return (server.address() as net.AddressInfo).port;
}

/** Or over already: a release of some bytes takes no time. */
const STARTED = /^(?:started|success)$/;

const isComplete = ({ value }: Replied): boolean => value.status === 'complete';

t.test('the documented call updates the host', needs(...PROGRAMS), async (t) => {
  const site = await makeSite(t);
  await site.publish('1.0.0', { 'qx-node': NODE });
  const { ask, port } = await startServing(t, site.host);
  const url = `https://localhost:${port}/api/v1/updates/apply`;
  const started = await curl(['-k', '-X', 'POST', url]);
  t.match(started, { status: 200, value: { status: STARTED } });
  const { value } = await askUntil(() => ask('status'), isComplete);
  t.same(value, { status: 'complete', message: 'updated to version 1.0.0' });
  t.equal(fs.readFileSync(site.host.path('/data/bin/qx-node'), 'utf8'), NODE);
  const again = await curl(['-k', '-X', 'POST', url]);
  t.equal(again.status, 200);
  await askUntil(
    () => ask('status'),
    (reply) => reply.value.status === 'up_to_date',
  );
});

t.test(
  'two applies at once: one goes on whatever becomes of serve, the other is told who',
  needs('nginx', ...PROGRAMS),
  async (t) => {
    const site = await makeSite(t);
    // Three seconds, and nothing that a packer could make smaller.
    const content = randomBytes(450_000).toString('latin1');
    await site.publish('1.0.0', { 'qx-node': content });
    const nginx = await startNginx(t, site.workspace.public, {
      directives: 'limit_rate 150k;',
    });
    site.host.configure({ url: nginx.url });
    const first = await startServing(t, site.host);
    const posts = [1, 2, 3, 4].map(() => first.ask('apply', '-X', 'POST'));
    const replies = await Promise.all(posts);
    const started = replies.filter(({ status }) => status === 200);
    t.equal(started.length, 1);
    t.match(started, [{ value: { status: 'started' } }]);
    for (const { status, value } of replies.filter((reply) => !started.includes(reply)))
      t.match({ status, value }, { status: 409, value: { error: 'update_in_progress' } });

    const busy = await askUntil(
      () => first.ask('status'),
      ({ value }) => value.status === 'downloading' && percentOf(value) > 0,
    );
    const { pid } = busyHolder(site.host);
    // As long as it is looked at, it stands still.
    process.kill(pid, 'SIGSTOP');
    t.match(busy.value.progress, { currentComponent: 'qx-node', totalBytes: Number });
    const refused = await first.ask('apply', '-X', 'POST');
    t.equal(refused.status, 409);
    const holder = { pid, phase: 'downloading', version: '1.0.0' };
    t.match(refused.value, {
      status: 'error',
      message: new RegExp(`run ${pid}, downloading 1\\.0\\.0`),
      holder,
    });
    t.match(await first.ask('check'), { status: 409, value: { holder } });
    const vdc = await first.ask('vdc/status');
    t.match(vdc.value, { status: 'downloading', current_component: 'qx-node' });
    t.ok(Number(vdc.value.download_progress) > 0);

    await first.kill();
    const second = await startServing(t, site.host);
    const after = await second.ask('status');
    t.match(
      after.value,
      { status: 'downloading' },
      'what goes on is seen by the next one',
    );
    t.ok(percentOf(after.value) >= percentOf(busy.value));
    process.kill(pid, 'SIGCONT');
    await askUntil(() => second.ask('status'), isComplete);
    const installed = fs.readFileSync(site.host.path('/data/bin/qx-node'), 'utf8');
    t.ok(installed === content);
  },
);

function busyHolder(host: Host): { pid: number } {
  const text = fs.readFileSync(host.path('/data/updates/activity.json'), 'utf8');
  return JSON.parse(text) as { pid: number };
}

const percentOf = (value: Record<string, unknown>): number =>
  (value.progress as { percentage: number }).percentage;

t.test(
  'what was refused is told, and forgotten when somebody says so',
  needs(...PROGRAMS),
  async (t) => {
    const site = await makeSite(t, { url: 'file:///nowhere' });
    const serving = await startServing(t, site.host);
    const { ask } = serving;
    await ask('apply', '-X', 'POST');
    const failed = await askUntil(
      () => ask('status'),
      ({ value }) => value.status === 'error',
    );
    t.match(failed.value.message, /no such file/);
    t.equal((await ask('reset', ...UI_POST)).status, 401);
    const reset = await ask('reset', ...UI_POST, '-H', serving.token());
    t.match(reset.value, {
      success: true,
      previousStatus: 'error',
      currentStatus: 'idle',
    });
    t.same((await ask('status')).value, { status: 'idle' });
  },
);

t.test(
  'the control plane of another machine asks by address, when it is let in',
  needs(...PROGRAMS),
  async (t) => {
    const site = await makeSite(t);
    await site.publish('1.0.0', { 'qx-node': NODE });
    const address = ownAddress();
    const go = ['-sk', '-H', 'User-Agent: Go-http-client/1.1', '-H', 'Content-Length: 0'];
    const local = await startServing(t, site.host);
    const path = '/api/v1/updates';
    const outside = ['-k', `https://${address}:${local.port}${path}/version`];
    if (address !== '127.0.0.1')
      await t.rejects(curl(outside), /curl ended with 7/, 'loopback is the default');
    await local.kill();
    const { port } = await startServing(t, site.host, '--listen', '0.0.0.0:0');
    const base = `https://${address}:${port}${path}`;
    t.equal((await curl([...go, `${base}/version`])).status, 200);
    if (address !== '127.0.0.1')
      t.equal((await curl([...go, '-X', 'POST', `${base}/apply`])).status, 401);
    configureServe(site.host, { legacy_apply: true });
    const applied = await askUntil(
      () => curl([...go, '-X', 'POST', `${base}/apply`]),
      ({ status }) => status !== 401,
    );
    t.match(applied, { status: 200, value: { status: STARTED } });
    await askUntil(() => curl([...go, `${base}/status`]), isComplete);
  },
);

/** One of this machine that others could call; where there is none, its own. */
function ownAddress(): string {
  const all = Object.values(os.networkInterfaces()).flatMap((each) => each ?? []);
  const outer = all.find(({ family, internal }) => family === 'IPv4' && !internal);
  return outer?.address ?? '127.0.0.1';
}

t.test('who may open the unix socket needs no token', needs(...PROGRAMS), async (t) => {
  const site = await makeSite(t);
  await site.publish('1.0.0', { 'qx-node': NODE });
  const words = ['--listen', 'none', '--socket', '/run/update.sock'];
  const serving = await startServing(t, site.host, ...words);
  const socket = site.host.path('/run/update.sock');
  t.equal(fs.statSync(socket).mode & 0o777, 0o600);
  const ask = (name: string, ...more: string[]): Promise<Replied> =>
    curl(['--unix-socket', socket, ...more, `http://any/api/v1/updates/${name}`]);
  const put = ['-X', 'PUT', ...JSON_BODY, '-d', '{}'];
  t.equal((await ask('config', ...put)).status, 200);
  const proxied = ['-H', 'X-Forwarded-For: 10.0.0.9', '-H', 'Host: localhost'];
  t.equal((await ask('config', ...put, ...proxied)).status, 401, 'a proxy is no caller');
  t.equal((await ask('status', ...proxied)).status, 200);
  t.match(await ask('apply', '-X', 'POST'), {
    status: 200,
    value: { status: STARTED },
  });
  await askUntil(() => ask('status'), isComplete);
  await serving.kill();
  const taken = ['--listen', `127.0.0.1:${await takenPort(t)}`, ...words.slice(2)];
  const again = await startServing(t, site.host, ...taken);
  t.match(again.running.stderr(), /warning: https is not served: cannot listen/);
  t.equal((await ask('status')).status, 200, "a socket that was left is in nobody's way");
});

t.test('settings of serve count without a restart', needs(...PROGRAMS), async (t) => {
  const site = await makeSite(t);
  await site.publish('1.0.0', { 'qx-node': NODE });
  const { host } = site;
  const serving = await startServing(t, host);
  const page = ['-H', 'Origin: https://ui.example.com'];
  const named = ['-H', 'Host: node-7.example.com'];
  t.equal((await serving.ask('apply', ...UI_POST, ...page)).status, 403);
  t.equal((await serving.ask('status', ...named)).status, 421);
  t.notOk((await serving.ask('status', ...page)).headers['access-control-allow-origin']);
  configureServe(host, {
    allowed_origins: ['https://ui.example.com'],
    allowed_hosts: ['node-7.example.com'],
    legacy_apply: true,
  });
  const checked = await host.run(['config', 'check']);
  t.match(checked, { status: 0, stderr: /may be started without the token/ });
  serving.running.child.kill('SIGHUP');
  await askUntil(
    () => serving.ask('status', ...named),
    ({ status }) => status === 200,
  );
  const read = await serving.ask('status', ...page);
  t.equal(read.headers['access-control-allow-origin'], 'https://ui.example.com');
  const preflight = await serving.ask(
    'apply',
    '-X',
    'OPTIONS',
    ...page,
    '-H',
    'Access-Control-Request-Method: POST',
    '-H',
    'Access-Control-Request-Headers: content-type',
  );
  t.match(preflight, {
    status: 204,
    headers: {
      'access-control-allow-origin': 'https://ui.example.com',
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': /content-type/,
    },
  });
  t.equal((await serving.ask('apply', ...UI_POST, ...page)).status, 200);
  await askUntil(() => serving.ask('status'), isComplete);

  await t.test('what does not fit leaves all as it was', async (t) => {
    configureServe(host, { legacy_aply: false });
    await serving.running.printed(/stays as it was: .*legacy_aply/);
    t.equal((await serving.ask('status', ...named)).status, 200);
  });
  await t.test('a file that was changed is seen by itself', async (t) => {
    configureServe(host, { require_token: true });
    await askUntil(
      () => serving.ask('status', ...named),
      ({ status }) => status === 421,
    );
    t.equal((await serving.ask('apply', '-X', 'POST')).status, 401);
    const token = ['-H', serving.token()];
    t.equal((await serving.ask('apply', '-X', 'POST', ...token)).status, 200);
  });
});
