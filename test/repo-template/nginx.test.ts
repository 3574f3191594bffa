import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import t from 'tap';
import { needs } from '../support/needs.ts';
import { makeForge } from '../support/forge.ts';
import { serverBlock, startNginx } from '../support/nginx.ts';
import { run } from '../support/process.ts';
import { whereIs } from '../support/programs.mjs';
import { makeHost } from '../support/sandbox.ts';
import { makeAuthority } from '../support/web.ts';

const OBJECT = `objects/ab/ab${'0'.repeat(62)}`;
const POINTER = 'channels/quantix-os/stable.json';
const ALLOWED_METHODS = ['GET', 'HEAD'];

function makeTree(dir: string): string {
  const files = {
    [OBJECT]: Buffer.alloc(100_000, 'a'),
    [POINTER]: '{}\n',
    [`${POINTER}.minisig`]: 'untrusted comment: x\n',
    'root/1.json': '{}\n',
    'manifests/m.json': '{}\n',
    'schema/root.schema.json': '{}\n',
    'signatures/s.minisig': 'untrusted comment: x\n',
    'repository.json': '{}\n',
    'index.html': '<!doctype html>\n',
  };
  for (const [name, bytes] of Object.entries(files)) {
    fs.mkdirSync(path.join(dir, path.dirname(name)), { recursive: true });
    fs.writeFileSync(path.join(dir, name), bytes);
  }
  return dir;
}

interface Reply {
  status: number | undefined;
  headers: http.IncomingHttpHeaders;
  bytes: number;
}

function request(
  url: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const call = http.request(url, { method, headers, agent: false }, (reply) => {
      let bytes = 0;
      reply.on('data', (piece: Buffer) => (bytes += piece.length));
      reply.on('end', () =>
        resolve({ status: reply.statusCode, headers: reply.headers, bytes }),
      );
    });
    call.on('error', reject);
    call.end();
  });
}

t.test('nginx with the configuration that users get', needs('nginx'), async (t) => {
  const nginx = await startNginx(t, makeTree(t.testdir()));
  const get = (name: string, headers?: Record<string, string>): Promise<Reply> =>
    request(nginx.url + name, headers);

  await t.test(
    'keeps what is named by its digest or number, and asks anew for the rest',
    async (t) => {
      const forever = 'public, max-age=31536000, immutable';
      for (const name of [
        OBJECT,
        'root/1.json',
        'manifests/m.json',
        'schema/root.schema.json',
      ]) {
        t.equal((await get(name)).headers['cache-control'], forever, name);
      }
      for (const name of [
        POINTER,
        `${POINTER}.minisig`,
        'signatures/s.minisig',
        'repository.json',
        '',
      ]) {
        t.equal((await get(name)).headers['cache-control'], 'no-cache', `/${name}`);
      }
    },
  );

  await t.test(
    'answers a range of an object, though compression is asked for',
    async (t) => {
      const reply = await get(OBJECT, {
        range: 'bytes=99990-',
        'accept-encoding': 'gzip, br',
      });
      t.equal(reply.status, 206);
      t.equal(reply.headers['content-range'], 'bytes 99990-99999/100000');
      t.equal(reply.headers['content-encoding'], undefined);
      const past = await get(OBJECT, { range: 'bytes=100000-' });
      t.equal(past.status, 416);
    },
  );

  await t.test('answers 304 to the ETag that it gave', async (t) => {
    const first = await get(POINTER);
    const etag = first.headers.etag ?? '';
    t.match(etag, /^"/, 'a strong one');
    const second = await get(POINTER, { 'if-none-match': etag });
    t.same([second.status, second.bytes], [304, 0]);
    t.equal(second.headers['cache-control'], 'no-cache');
  });

  await t.test(
    'says 404 for what is not there, and that nobody may keep it',
    async (t) => {
      for (const name of [
        'root/2.json',
        'channels/quantix-os/none.json',
        'objects/ab/',
        'objects',
      ]) {
        const reply = await get(name);
        t.equal(reply.status, name === 'objects' ? 301 : 404, name);
        if (reply.status === 404)
          t.equal(reply.headers['cache-control'], 'no-store', name);
      }
    },
  );

  await t.test('says what each file is', async (t) => {
    const types = {
      [OBJECT]: 'application/octet-stream',
      [POINTER]: 'application/json',
      [`${POINTER}.minisig`]: 'text/plain',
      '': 'text/html',
    };
    for (const [name, type] of Object.entries(types)) {
      t.equal((await get(name)).headers['content-type'], type, `/${name}`);
    }
  });

  await t.test('takes no writes', async (t) => {
    for (const method of ['PUT', 'DELETE', 'POST', ...ALLOWED_METHODS]) {
      const allowed = ALLOWED_METHODS.includes(method);
      t.equal(
        (await request(nginx.url + POINTER, {}, method)).status,
        allowed ? 200 : 405,
        method,
      );
    }
  });
});

t.test('the access log of the tests shows ranges', needs('nginx'), async (t) => {
  const nginx = await startNginx(t, makeTree(t.testdir()));
  await request(nginx.url + OBJECT, { range: 'bytes=5-9' });
  const [logged] = await nginx.requestsWhen((requests) => requests.length === 1);
  t.match(logged, { method: 'GET', path: `/${OBJECT}`, status: 206, range: 'bytes=5-9' });
});

t.test(
  "over https with a certificate of one's own",
  needs('nginx', 'openssl'),
  async (t) => {
    const dir = t.testdir({ tls: {}, tree: {}, host: {} });
    const tls = { certificate: `${dir}/tls/server.pem`, key: `${dir}/tls/server.key` };
    const { ca } = makeAuthority(`${dir}/tls`);
    const forge = makeForge(`${dir}/tree`);
    forge.release();
    const nginx = await startNginx(t, forge.dir, { tls });
    const host = makeHost(`${dir}/host`, { url: nginx.url, root: forge.rootBytes });
    fs.writeFileSync(host.path('/quantix/ca.pem'), ca);
    const refused = await host.run(['apply']);
    t.equal(refused.status, 10, 'nobody vouches for the certificate');
    host.configure({ ca_file: '/quantix/ca.pem' });
    const { status, stderr } = await host.run(['apply']);
    t.equal(status, 0, stderr);
    t.ok(nginx.requests().every((one) => one.status === 200 || one.status === 404));
  },
);

t.test(
  'nginx itself finds nothing wrong with it',
  needs('nginx', 'openssl'),
  async (t) => {
    const dir = t.testdir({ tls: {} });
    makeAuthority(`${dir}/tls`);
    const tls = { certificate: `${dir}/tls/server.pem`, key: `${dir}/tls/server.key` };
    for (const [name, block] of [
      ['http', serverBlock('/srv/quantix/public', 8080, '')],
      ['https', serverBlock('/srv/quantix/public', 8443, '', tls)],
    ] as const) {
      const file = path.join(dir, `${name}.conf`);
      fs.writeFileSync(file, `pid ${dir}/pid;\nevents {}\nhttp {\n${block}}\n`);
      const nginx = whereIs('nginx') ?? 'nginx';
      const words = ['-t', '-q', '-p', dir, '-e', `${dir}/error.log`, '-c', file];
      const { status, stderr } = await run(nginx, words);
      t.same([status, stderr], [0, ''], name);
    }
  },
);
