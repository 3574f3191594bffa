import http from 'node:http';
import net from 'node:net';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { openSource } from '../../../client/reader/open-source.ts';
import type { Fetched } from '../../../client/reader/source.ts';
import {
  type Web,
  answer,
  fastEffects,
  makeAuthority,
  refusalOf,
  serve,
  sourceSettings,
  WAYS,
} from '../../support/web.ts';
import { needs } from '../../support/needs.ts';

interface Proxy extends Web {
  /** "CONNECT host:port" of each tunnel. */
  tunnels: string[];
  /** What to answer CONNECT with. */
  status: number;
  credentials: (string | undefined)[];
}

/** A proxy that forwards http and tunnels https. */
async function startProxy(t: Test): Promise<Proxy> {
  const web = await serve(t, (request, reply) => {
    proxy.credentials.push(request.headers['proxy-authorization']);
    const onward = http.request(
      request.url ?? '',
      { headers: request.headers },
      (answer) => {
        reply.writeHead(answer.statusCode ?? 0, answer.headers);
        answer.pipe(reply);
      },
    );
    onward.on('error', () => reply.writeHead(502).end());
    onward.end();
  });
  const proxy: Proxy = { ...web, tunnels: [], status: 200, credentials: [] };
  web.server.on('connect', (request, client: net.Socket) => {
    proxy.tunnels.push(request.url ?? '');
    proxy.credentials.push(request.headers['proxy-authorization']);
    t.teardown(() => client.destroy());
    // A socket that nobody reads does not notice its end.
    if (proxy.status === 0) return client.resume().on('end', () => client.destroy());
    if (proxy.status !== 200) {
      client.end(`HTTP/1.1 ${proxy.status} No\r\nContent-Length: 2\r\n\r\nno`);
      return client;
    }
    const [host, port] = (request.url ?? '').split(':');
    const onward = net.connect(Number(port), host, () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      onward.pipe(client).pipe(onward);
    });
    t.teardown(() => onward.destroy());
    onward.on('error', () => client.destroy());
    return client.on('error', () => onward.destroy());
  });
  return proxy;
}

/** How many are left after they had time to close. */
async function openConnections({ server }: Web): Promise<number> {
  for (let tries = 0; ; tries += 1) {
    const count = await promisify(server.getConnections.bind(server))();
    if (count === 0 || tries === 100) return count ?? NaN;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function getOf(
  base: string,
  env: Record<string, string>,
  changes: object,
  always: object,
): Promise<Fetched> {
  const source = openSource(fastEffects(env).effects, base, sourceSettings(changes));
  return source.get('root/2.json', { maxBytes: 100, ...always });
}

for (const [way, always] of WAYS)
  t.test(way, async (t: Test) => {
    const get = (
      base: string,
      env: Record<string, string>,
      changes = {},
    ): Promise<Fetched> => getOf(base, env, changes, always);

    t.test('http goes through the proxy that http_proxy names', async (t) => {
      const web = await serve(t, answer(200, '{}'));
      const proxy = await startProxy(t);
      for (const name of ['http_proxy', 'HTTP_PROXY', 'all_proxy']) {
        const before = proxy.seen.length;
        t.match(await get(web.url, { [name]: proxy.url }), { status: 'found' }, name);
        t.equal(proxy.seen.length, before + 1, name);
      }
      t.equal(proxy.seen[0]?.url, `${web.url}/root/2.json`);
    });

    t.test('no_proxy and variables of other schemes leave a host alone', async (t) => {
      const web = await serve(t, answer(200, '{}'));
      const proxy = await startProxy(t);
      await get(web.url, { http_proxy: proxy.url, no_proxy: '127.0.0.1' });
      await get(web.url, { https_proxy: proxy.url });
      await get(web.url, {});
      t.equal(proxy.seen.length, 0);
      t.equal(web.seen.length, 3);
    });

    t.test(
      'the environment that is handed in counts, not the one of the process',
      async (t) => {
        const web = await serve(t, answer(200, '{}'));
        process.env.http_proxy = 'http://127.0.0.1:1';
        t.teardown(() => delete process.env.http_proxy);
        const proxy = await startProxy(t);
        t.match(await get(web.url, { http_proxy: proxy.url }), { status: 'found' });
        t.equal(process.env.http_proxy, 'http://127.0.0.1:1', 'which is as it was');
      },
    );

    t.test('credentials of the proxy go to the proxy and into no message', async (t) => {
      const web = await serve(t, answer(200, '{}'));
      const proxy = await startProxy(t);
      const http_proxy = proxy.url.replace('//', '//me:secret@');
      await get(web.url, { http_proxy });
      t.same(proxy.credentials, [`Basic ${Buffer.from('me:secret').toString('base64')}`]);
      t.notOk(web.seen[0]?.headers['authorization']);
      const error = await refusalOf(
        get(web.url, { http_proxy: 'http://me:secret@127.0.0.1:1' }),
      );
      t.equal(error.code, 'network');
      t.notMatch(JSON.stringify([error, error.message, error.found]), /secret/);
    });

    t.test('a proxy of another kind is a configuration error', async (t) => {
      for (const http_proxy of ['socks5://127.0.0.1:1', 'http://[']) {
        const error = await refusalOf(get('http://127.0.0.1:1', { http_proxy }));
        t.equal(error.code, 'config', http_proxy);
      }
    });

    t.test('https goes through a tunnel', needs('openssl'), async (t: Test) => {
      const { ca, server, client } = makeAuthority(t.testdir());
      const tls = { ca, certificate: client.certificate, key: client.key };

      t.test('to the very host, whose certificate is checked', async (t) => {
        const strict = { ...server, ca, requestCert: true, rejectUnauthorized: true };
        const web = await serve(t, answer(200, '{}'), strict);
        const proxy = await startProxy(t);
        const env = { https_proxy: proxy.url };
        t.match(await get(web.url, env, { tls }), { status: 'found' });
        t.same(proxy.tunnels, [`127.0.0.1:${web.port}`]);
        const error = await refusalOf(get(web.url, env));
        t.match(error.message, /known authority/);
      });

      t.test('one tunnel serves many requests', async (t) => {
        const web = await serve(t, answer(200, '{}'), server);
        const proxy = await startProxy(t);
        const { effects } = fastEffects({ https_proxy: proxy.url });
        const source = openSource(effects, web.url, sourceSettings({ tls }));
        for (let n = 0; n < 3; n += 1)
          await source.get('root/2.json', { maxBytes: 100, ...always });
        t.equal(web.seen.length, 3);
        t.equal(proxy.tunnels.length, 1);
      });

      t.test("a proxy's own 403 is not taken for a missing file", async (t) => {
        const web = await serve(t, answer(200, '{}'), server);
        const proxy = await startProxy(t);
        for (const status of [403, 404, 407, 502]) {
          proxy.status = status;
          const error = await refusalOf(
            get(web.url, { https_proxy: proxy.url }, { tls }),
          );
          t.equal(error.code, 'network');
          t.match(error.found, `CONNECT with status ${status}`);
        }
        t.equal(web.seen.length, 0);
      });

      t.test('a proxy that never answers ends the try in time', async (t) => {
        const proxy = await startProxy(t);
        proxy.status = 0;
        const changes = { tls, connectTimeoutMs: 80 };
        const run = get('https://127.0.0.1:1', { https_proxy: proxy.url }, changes);
        t.match(await refusalOf(run), {
          code: 'network',
          message: 'the host does not answer',
        });
        t.same(await openConnections(proxy), 0, 'and its connection is closed');
      });
    });
  });
