import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import t, { type Test } from 'tap';
import { nodeEffects } from '../../client/effects/node.ts';
import { type Preview, startPreview } from '../../generator/preview/server.ts';
import { programPath, start } from '../support/process.ts';
import { ok, qxRepo, write } from './support.ts';
import { POINTER, published } from './trees.ts';

interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: Buffer;
}

/** The target goes out as it is written: no URL parser tidies it up. */
function ask(
  port: number,
  target: string,
  headers: http.OutgoingHttpHeaders = {},
  method = 'GET',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request(
      { host: '127.0.0.1', port, path: target, headers, method },
      (reply) => {
        const pieces: Buffer[] = [];
        reply.on('data', (piece: Buffer) => pieces.push(piece));
        reply.on('end', () =>
          resolve({
            status: reply.statusCode ?? 0,
            headers: reply.headers,
            body: Buffer.concat(pieces),
          }),
        );
      },
    );
    request.on('error', reject).end();
  });
}

async function preview(t: Test, root: string, port = 0): Promise<Preview> {
  const files = nodeEffects({}).files;
  const started = await startPreview({ files, root, port, onRequest: () => undefined });
  t.teardown(() => started.close());
  return started;
}

const CONTENT = Buffer.from('0123456789'.repeat(100_000));

t.test('ranges, conditions and their headers', async (t) => {
  const dir = t.testdir();
  const object = `objects/ab/${'ab'.repeat(32)}`;
  write(path.join(dir, object), CONTENT);
  const { port } = await preview(t, dir);
  const whole = await ask(port, `/${object}`);
  t.equal(whole.status, 200);
  t.same(whole.body, CONTENT);
  t.match(whole.headers, {
    'accept-ranges': 'bytes',
    'content-length': '1000000',
    'content-type': 'application/octet-stream',
    'cache-control': 'public, max-age=31536000, immutable',
  });
  const etag = whole.headers.etag ?? '';
  const modified = whole.headers['last-modified'] ?? '';
  type Row = [
    headers: http.OutgoingHttpHeaders,
    status: number,
    start: number,
    end: number,
  ];
  // prettier-ignore
  const rows: Row[] = [
    [{ range: 'bytes=999990-' }, 206, 999_990, 1_000_000],
    [{ range: 'bytes=5-9' }, 206, 5, 10],
    [{ range: 'bytes=-7' }, 206, 999_993, 1_000_000],
    [{ range: 'bytes=0-99999999' }, 206, 0, 1_000_000],
    [{ range: 'bytes=1000000-' }, 416, 0, 0],
    [{ range: 'bytes=-0' }, 416, 0, 0],
    [{ range: 'bytes=9-5' }, 200, 0, 1_000_000],
    [{ range: 'bytes=0-1,4-5' }, 200, 0, 1_000_000],
    [{ range: 'lines=0-1' }, 200, 0, 1_000_000],
    [{ range: 'bytes=5-9', 'if-range': etag }, 206, 5, 10],
    [{ range: 'bytes=5-9', 'if-range': modified }, 206, 5, 10],
    [{ range: 'bytes=5-9', 'if-range': '"another"' }, 200, 0, 1_000_000],
    [{ range: 'bytes=5-9', 'if-range': 'Thu, 01 Jan 1970 00:00:00 GMT' }, 200, 0, 1_000_000],
    [{ 'if-none-match': etag }, 304, 0, 0],
    [{ 'if-none-match': `"x", W/${etag}` }, 304, 0, 0],
    [{ 'if-none-match': '"another"', 'if-modified-since': modified }, 200, 0, 1_000_000],
    [{ 'if-modified-since': modified }, 304, 0, 0],
    [{ 'if-modified-since': 'Thu, 01 Jan 1970 00:00:00 GMT' }, 200, 0, 1_000_000],
  ];
  for (const [headers, status, start, end] of rows) {
    const reply = await ask(port, `/${object}`, headers);
    const what = JSON.stringify(headers);
    t.equal(reply.status, status, what);
    t.ok(reply.body.equals(CONTENT.subarray(start, end)), what);
    if (status === 206)
      t.equal(reply.headers['content-range'], `bytes ${start}-${end - 1}/1000000`, what);
    if (status === 416) t.equal(reply.headers['content-range'], 'bytes */1000000', what);
  }
  const head = await ask(port, `/${object}`, {}, 'HEAD');
  t.match(head, {
    status: 200,
    headers: { 'content-length': '1000000' },
    body: { length: 0 },
  });
  t.equal((await ask(port, '/', {}, 'POST')).status, 405);

  fs.appendFileSync(path.join(dir, object), 'more');
  t.not((await ask(port, `/${object}`)).headers.etag, etag, 'another file, another tag');
});

t.test('mutable files are asked for again, missing ones are not kept', async (t) => {
  const workspace = await published(t.testdir());
  const { port, url } = await preview(t, path.join(workspace, 'public'));
  const rows: [target: string, status: number, cache: string][] = [
    [`/${POINTER}`, 200, 'no-cache'],
    ['/repository.json?now', 200, 'no-cache'],
    ['/root/1.json', 200, 'public, max-age=31536000, immutable'],
    ['/root/2.json', 404, 'no-store'],
    ['/channels/', 404, 'no-store'],
    ['/channels', 404, 'no-store'],
  ];
  for (const [target, status, cache] of rows) {
    const reply = await ask(port, target);
    t.match(reply, { status, headers: { 'cache-control': cache } }, target);
  }
  t.equal(
    (await ok(t.testdirName, ['verify', url])).exitCode,
    0,
    'hosts could live with it',
  );
});

t.test('nothing outside of the tree is served', async (t) => {
  const dir = t.testdir({
    'secret.txt': 'secret',
    public: {
      'index.html': '<h1>tree</h1>',
      '.hidden': 'hidden',
      'out.txt': t.fixture('symlink', '../secret.txt'),
      'in.txt': t.fixture('symlink', 'index.html'),
    },
    'public-too': { 'x.txt': 'x' },
  });
  const { port } = await preview(t, path.join(dir, 'public'));
  t.equal((await ask(port, '/')).body.toString(), '<h1>tree</h1>');
  t.equal((await ask(port, '/in.txt')).status, 200, 'a link that stays inside');
  const refused = [
    '/../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/x/../../secret.txt',
    '/..%5csecret.txt',
    '/../public-too/x.txt',
    '/out.txt',
    '/.hidden',
    '/index.html%00.txt',
    '//index.html',
    '/%zz',
    'http://127.0.0.1/index.html',
  ];
  for (const target of refused) t.equal((await ask(port, target)).status, 404, target);
});

t.test('a port in use is passed over', async (t) => {
  const dir = t.testdir({ 'index.html': 'x' });
  const first = await preview(t, dir);
  const second = await preview(t, dir, first.port);
  t.not(second.port, first.port);
  t.equal((await ask(second.port, '/')).status, 200);
  for (const args of [
    ['.', '--port', '70000'],
    ['.', '--port', 'x'],
    ['https://example.org'],
  ])
    t.equal((await qxRepo(dir, ['serve', ...args])).status, 2, args.join(' '));
});

t.test('the program says where it listens and ends cleanly with Ctrl-C', async (t) => {
  const dir = t.testdir({ 'index.html': 'x' });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const running = start(programPath('qx-repo'), ['serve', dir, '--port', '0']);
    await running.printed(/preview of .*: http:\/\/127\.0\.0\.1:\d+\//);
    const port = Number(/:(\d+)\/$/m.exec(running.stderr())?.[1]);
    const idle = net.connect(port, '127.0.0.1');
    idle.on('error', () => undefined);
    t.equal((await ask(port, '/')).status, 200);
    running.child.kill(signal);
    const ended = await running.ended;
    t.equal(ended.status, 0, 'though a connection was still open');
    t.match(ended.stderr, /not for hosts/);
  }
});
