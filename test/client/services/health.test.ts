import net from 'node:net';
import t, { type Test } from 'tap';
import { nodeEffects } from '../../../client/effects/node.ts';
import { runHealth } from '../../../client/services/health.ts';
import { needs } from '../../support/needs.ts';
import { freePort } from '../../support/nginx.ts';
import { start } from '../../support/process.ts';
import { answer, inTurn, makeAuthority, serve } from '../../support/web.ts';
import { COMPONENT, component, context, one } from './support.ts';

t.test('http: a service that answers', async (t) => {
  const web = await serve(t, answer(204));
  const result = await one({ type: 'http', port: web.port, path: '/health?full=1' });
  t.match(result, {
    component: 'qx-node',
    check: `http 127.0.0.1:${web.port}/health?full=1`,
    ok: true,
    tries: 1,
    output: 'status 204',
  });
  t.equal(web.seen[0]?.url, '/health?full=1');
  t.equal(web.seen[0]?.method, 'GET');
});

t.test('http: what counts as an answer', async (t) => {
  const rows: [number, object, boolean][] = [
    [200, {}, true],
    [302, {}, true],
    [400, {}, false],
    [500, {}, false],
    [401, { status: 401 }, true],
    [200, { status: 204 }, false],
    [200, { contains: 'database: "up"' }, true],
    [200, { contains: 'database: "down"' }, false],
    [500, { contains: 'database: "up"' }, false],
  ];
  for (const [status, more, ok] of rows) {
    const web = await serve(t, answer(status, 'cache: "up"\ndatabase: "up"\n'));
    const result = await one({ type: 'http', port: web.port, path: '/', ...more });
    t.equal(result.ok, ok, `${status} ${JSON.stringify(more)}: ${result.output}`);
    if (!ok) t.match(result.output, /cache: "up" \| database: "up"$/);
    t.equal(web.seen.length, 1, 'no redirect is followed');
  }
});

t.test('http: why it failed, with the end of what the service said', async (t) => {
  const web = await serve(t, answer(500, `${'x'.repeat(5000)}\u001b[1mthe end\u0007`));
  const { output } = await one({ type: 'http', port: web.port, path: '/' });
  t.match(output, /^status 500, expected 200 to 399: x+the end$/);
  t.ok(Buffer.byteLength(output) <= 2048);
});

t.test('http: a service that hangs, before its answer or within', async (t) => {
  const silent = await serve(t, () => undefined);
  const drip = await serve(t, (_request, reply) => {
    reply.writeHead(200);
    const timer = setInterval(() => reply.write('.'), 50);
    reply.on('close', () => clearInterval(timer));
  });
  const asked = { type: 'http', path: '/', timeout_seconds: 1, contains: 'ok' };
  for (const { port } of [silent, drip]) {
    const started = Date.now();
    const result = await one({ ...asked, port });
    t.match(result, { ok: false, tries: 1, output: /within 1 s/ });
    t.ok(Date.now() - started < 3000, 'the whole try has the limit');
    t.ok(result.durationMs >= 900 && result.durationMs < 3000);
  }
});

t.test('http: a proxy of the environment is not asked', async (t) => {
  const web = await serve(t, answer(200, 'direct'));
  const proxy = await serve(t, answer(200, 'proxy'));
  const env = { http_proxy: proxy.url, https_proxy: proxy.url, all_proxy: proxy.url };
  const { clock } = context().fx;
  const fx = { ...nodeEffects(env), clock };
  const check = { type: 'http', port: web.port, path: '/', contains: 'direct' };
  t.match(await one(check, { fx }), { ok: true });
  t.equal(proxy.seen.length, 0);
});

t.test('https: any certificate will do at 127.0.0.1', needs('openssl'), async (t) => {
  const { server } = makeAuthority(t.testdir());
  const web = await serve(t, answer(200, 'ok'), server);
  const check = { type: 'http', scheme: 'https', port: web.port, path: '/' };
  t.match(await one(check), { ok: true, check: `https 127.0.0.1:${web.port}/` });
  t.match(await one({ ...check, scheme: 'http' }), { ok: false });
});

t.test('a local request goes to 127.0.0.1 and nowhere else', async (t) => {
  const url = 'http://localhost:1/';
  const limits = { connectTimeoutMs: 1000, stallTimeoutMs: 1000 };
  const { network } = nodeEffects({});
  await t.rejects(network.request({ url, local: true, ...limits }), { code: 'defect' });
});

/** A TCP server on a port that was free a moment ago, from `lateMs` on. */
async function listen(t: Test, port: number, lateMs: number): Promise<void> {
  const server = net.createServer((socket) => socket.end());
  const timer = setTimeout(() => server.listen(port, '127.0.0.1'), lateMs);
  t.teardown(() => {
    clearTimeout(timer);
    server.close();
  });
}

t.test('tcp: open, closed, and open after a while', async (t) => {
  const port = await freePort();
  const check = { type: 'tcp', port, retries: 3 };
  const closed = await one(check);
  t.match(closed, { ok: false, tries: 4, check: `tcp 127.0.0.1:${port}` });
  t.match(closed.output, /the host refuses the connection/);
  t.same(closed.pauses, [1000, 1000, 1000]);

  await listen(t, port, 150);
  const late = await one({ ...check, retries: 50 });
  t.match(late, { ok: true });
  t.ok(late.tries > 1 && late.tries < 50, `${late.tries} tries`);
  t.match(await one(check), { ok: true, tries: 1 });
});

t.test('tcp: a service that accepts nobody any more', async (t) => {
  const port = await freePort();
  const code = `require('node:net').createServer().listen(${port}, '127.0.0.1', 1)
    .on('listening', () => console.log('up'))`;
  const running = start(process.execPath, ['-e', code]);
  await running.printed(/up/);
  running.child.kill('SIGSTOP');
  // Once its queue is full the kernel leaves further connections without an answer.
  const queued = Array.from({ length: 5 }, () => net.connect(port, '127.0.0.1'));
  for (const socket of queued) socket.on('error', () => undefined);
  await new Promise((resolve) => setTimeout(resolve, 100));
  const result = await one({ type: 'tcp', port, timeout_seconds: 1 });
  t.match(result, { ok: false, output: /the host does not answer; expected within 1 s/ });
  for (const socket of queued) socket.destroy();
  running.child.kill('SIGKILL');
  await running.ended;
});

t.test('steady: it must go on passing after the first pass', async (t) => {
  const good = await serve(t, answer(200));
  const steady = { type: 'http', path: '/', steady_seconds: 5, interval_seconds: 2 };
  const held = await one({ ...steady, port: good.port });
  t.match(held, { ok: true, tries: 4 });
  t.same(held.pauses, [2000, 2000, 1000], 'five seconds, the last look at their end');

  const brief = await serve(
    t,
    inTurn(answer(503), answer(200), answer(200), answer(500)),
  );
  const lost = await one({ ...steady, port: brief.port, retries: 9 });
  t.match(lost, { ok: false, tries: 4 });
  t.match(lost.output, /^passed, then failed within 4 s: status 500/);
  t.equal(brief.seen.length, 4, 'retries are for the start only');

  const often = await one({ ...steady, port: good.port, interval_seconds: 0 });
  t.equal(often.tries, 21, 'a check without pauses does not spin');
});

t.test('checks run in order and stop at the first that fails', async (t) => {
  const web = await serve(t, answer(200));
  const up = { type: 'tcp', port: web.port };
  const down = { type: 'tcp', port: await freePort() };
  const second = { ...component(down, up), name: 'second' };
  const third = { ...component(up), name: 'third' };
  const results = await runHealth(context(), [
    component(up, up),
    COMPONENT,
    second,
    third,
  ]);
  t.strictSame(
    results.map(({ component, ok }) => `${component} ${ok}`),
    ['qx-node true', 'qx-node true', 'second false'],
  );
});

t.test('a type that policy did not refuse is a refusal, not a pass', async (t) => {
  await t.rejects(runHealth(context(), [component({ type: 'grpc' })]), {
    code: 'too-new',
    found: 'grpc',
  });
});

t.test('a signal ends the tries with its reason', async (t) => {
  const web = await serve(t, answer(500));
  const controller = new AbortController();
  const reason = new Error('SIGTERM');
  setTimeout(() => controller.abort(reason), 100);
  const all = context({ signal: controller.signal });
  const check = { type: 'http', port: web.port, path: '/', retries: 1000 };
  await t.rejects(runHealth(all, [component(check)]), reason);
  const silent = await serve(t, () => setTimeout(() => again.abort(reason), 50));
  const again = new AbortController();
  const hanging = { ...check, port: silent.port };
  const during = context({ signal: again.signal });
  await t.rejects(runHealth(during, [component(hanging)]), reason, 'within a try');
});
