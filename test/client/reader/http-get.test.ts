import t, { type Test } from 'tap';
import { QxError } from '../../../client/format/error.ts';
import { openSource } from '../../../client/reader/open-source.ts';
import type { Fetched } from '../../../client/reader/source.ts';
import {
  type Handler,
  type Web,
  answer,
  fastEffects,
  inTurn,
  refusalOf,
  serve,
  sourceSettings,
  WAYS,
} from '../../support/web.ts';

const PATH = 'channels/quantix-os/stable.json';
const HTML = '<!DOCTYPE html><title>Welcome to the hotel</title>';

interface Tried {
  web: Web;
  sleeps: number[];
  get: (changes?: object) => Promise<Fetched>;
}

async function hostOf(
  t: Test,
  handler: Handler,
  changes: object = {},
  always: object = {},
): Promise<Tried> {
  const web = await serve(t, handler);
  const { effects, sleeps } = fastEffects();
  const source = openSource(effects, `${web.url}/tree/`, sourceSettings(changes));
  const get = (options: object = {}): Promise<Fetched> =>
    source.get(PATH, { maxBytes: 1000, ...always, ...options });
  return { web, sleeps, get };
}

t.test('a conditional request may be answered with "unchanged"', async (t) => {
  const { web, get } = await hostOf(t, answer(304));
  const conditional = { etag: '"1"', lastModified: 'Thu, 01 Jan 2026 00:00:00 GMT' };
  t.same(await get({ conditional }), { status: 'unchanged' });
  t.match(web.seen[0]?.headers, {
    'if-none-match': '"1"',
    'if-modified-since': conditional.lastModified,
  });
  const error = await refusalOf(get());
  t.match(error, { code: 'network', found: 'status 304' }, '304 to a plain request');
});

for (const [way, always] of WAYS)
  t.test(way, async (t: Test) => {
    const host = (t: Test, handler: Handler, changes = {}): Promise<Tried> =>
      hostOf(t, handler, changes, always);

    t.test('a file comes with its bytes and what the host says of it', async (t) => {
      const headers = {
        date: 'Tue, 01 Jan 2030 00:00:00 GMT',
        etag: '"1-2"',
        'last-modified': 'Thu, 01 Jan 2026 00:00:00 GMT',
        'content-type': 'application/json',
      };
      const { web, get } = await host(t, answer(200, '{}', headers));
      t.same(await get(), {
        status: 'found',
        servedMs: Date.UTC(2030, 0, 1),
        bytes: Buffer.from('{}'),
        url: `${web.url}/tree/${PATH}`,
        etag: '"1-2"',
        lastModified: 'Thu, 01 Jan 2026 00:00:00 GMT',
        contentType: 'application/json',
      });
      const [request] = web.seen;
      t.equal(request?.url, `/tree/${PATH}`);
      const wanted = { 'accept-encoding': 'identity', 'user-agent': 'qx-update/test' };
      t.match(request?.headers, wanted);
      t.notOk(request?.headers['authorization']);
    });

    t.test('a fresh request tells caches in between to look again', async (t) => {
      const { web, get } = await host(t, answer(200, '{}'));
      await get({ fresh: true });
      await get();
      t.equal(web.seen[0]?.headers['cache-control'], 'no-cache');
      t.notOk(web.seen[1]?.headers['cache-control']);
    });

    t.test('403 and 404 mean missing, and nothing is tried again', async (t) => {
      for (const status of [403, 404]) {
        const { web, get } = await host(t, answer(status, HTML), { retries: 3 });
        t.same(await get(), { status: 'missing' });
        t.equal(web.seen.length, 1);
      }
      const long = await host(t, answer(404, HTML.repeat(100_000)));
      t.same(await long.get(), { status: 'missing' }, 'whatever page comes with it');
    });

    t.test('500, 503 and 429 are tried again, with pauses', async (t) => {
      const rows = [answer(500), answer(503), answer(429), answer(200, '{}')];
      const { web, sleeps, get } = await host(t, inTurn(...rows), { retries: 3 });
      t.match(await get(), { status: 'found' });
      t.equal(web.seen.length, 4);
      t.equal(sleeps.length, 3);
    });

    t.test(
      'a host that stays at 500 is a network error that names the status',
      async (t) => {
        const { web, get } = await host(t, answer(500, HTML), { retries: 2 });
        const error = await refusalOf(get());
        t.match(error, {
          code: 'network',
          found: 'status 500',
          where: `${web.url}/tree/${PATH}`,
        });
        t.equal(web.seen.length, 3);
      },
    );

    t.test('Retry-After is kept up to a minute', async (t) => {
      const busy = answer(503, '', { 'retry-after': '42' });
      const { sleeps, get } = await host(t, inTurn(busy, answer(200, '{}')), {
        retries: 1,
      });
      await get();
      t.same(sleeps, [42_000]);
      const hour = await host(t, answer(503, '', { 'retry-after': '3600' }), {
        retries: 5,
      });
      const error = await refusalOf(hour.get());
      t.equal(hour.web.seen.length, 1, 'longer is not waited for');
      t.match(error.hint, /3600 s/);
    });

    t.test('other statuses are refused when they come twice', async (t) => {
      for (const status of [201, 204, 206, 300, 400, 401, 410, 416]) {
        const { web, get } = await host(t, answer(status), { retries: 3 });
        t.match(await refusalOf(get()), { code: 'network', found: `status ${status}` });
        t.equal(web.seen.length, 2);
      }
    });

    t.test('a status that was changed on the way does no harm', async (t) => {
      const { get } = await host(t, inTurn(answer(201), answer(200)), { retries: 1 });
      t.match(await get(), { status: 'found' });
    });

    t.test(
      'a page where a file of the tree should be is told apart from an attack',
      async (t) => {
        const pages: [reason: string, body: string, type: string | undefined][] = [
          ['labelled', HTML, 'text/html; charset=utf-8'],
          ['not labelled', ` \n${HTML}`, undefined],
          ['mislabelled', '\ufeff<html lang="en">', 'application/json'],
          ['larger than the file may be', HTML.repeat(100), 'text/html'],
          ['a part of a page', '<p>no such file</p>', 'text/html'],
          ['empty', '', 'text/html'],
        ];
        for (const [reason, body, type] of pages) {
          const headers = type === undefined ? {} : { 'content-type': type };
          const { web, get } = await host(t, answer(200, body, headers), { retries: 3 });
          const error = await refusalOf(get());
          t.equal(error.code, 'network', reason);
          t.match(error.message, /answers 200 for missing files/, reason);
          t.match(error.found, /a web page/, reason);
          t.equal(web.seen.length, 1, reason);
        }
        const shown = await host(t, answer(200, HTML));
        t.match((await refusalOf(shown.get())).found, /<!DOCTYPE html><title>Welcome/);
      },
    );

    t.test('a label alone makes no page of a file', async (t) => {
      const { get } = await host(t, answer(200, '{}', { 'content-type': 'text/html' }));
      t.match(await get(), { status: 'found' });
    });

    t.test('the page of the tree itself may be a page', async (t) => {
      const web = await serve(t, answer(200, HTML));
      const source = openSource(fastEffects().effects, web.url, sourceSettings());
      t.match(await source.get('index.html', { maxBytes: 1000, ...always }), {
        status: 'found',
      });
    });

    t.test('a body that never ends is left as soon as it is too long', async (t) => {
      let left = false;
      const endless: Handler = (_request, reply) => {
        const more = (): void => {
          while (!left && reply.write(Buffer.alloc(1 << 16, 0x20)));
        };
        reply.on('drain', more).on('close', () => (left = true));
        more();
      };
      const { web, get } = await host(t, endless, { retries: 3 });
      const error = await refusalOf(get());
      t.match(error, { code: 'malformed', expected: '1000 bytes at the most' });
      t.equal(web.seen.length, 1);
      while (!left) await new Promise((resolve) => setTimeout(resolve, 5));
      t.pass('the connection was closed');
    });

    t.test('the limit is inclusive', async (t) => {
      const { get } = await host(t, answer(200, 'x'.repeat(1000)));
      t.match(await get(), { status: 'found' });
      t.match(await refusalOf(get({ maxBytes: 999 })), { code: 'malformed' });
    });

    t.test('a truncated body is tried again', async (t) => {
      const cut: Handler = (_request, reply) => {
        reply.writeHead(200, { 'content-length': '10' }).write('12345');
        setTimeout(() => reply.destroy(), 20);
      };
      const { get, web } = await host(t, inTurn(cut, answer(200, '1234567890')), {
        retries: 1,
      });
      t.match(await get(), { bytes: Buffer.from('1234567890') });
      t.equal(web.seen.length, 2);
      const always = await host(t, cut);
      t.equal((await refusalOf(always.get())).code, 'network');
    });

    t.test('a truncated body without a length is noticed too', async (t) => {
      const cut: Handler = (request, reply) => {
        reply.writeHead(200, { 'transfer-encoding': 'chunked' });
        reply.write('12345');
        setTimeout(() => request.socket.destroy(), 20);
      };
      const { get } = await host(t, cut);
      t.equal((await refusalOf(get())).code, 'network');
    });

    t.test('headers that do not come end the try in time', async (t) => {
      const { web, get } = await host(t, () => undefined, {
        connectTimeoutMs: 1000,
        retries: 1,
      });
      const error = await refusalOf(get());
      t.match(error, {
        code: 'network',
        message: 'the host does not answer',
        expected: 'within 1 s',
      });
      t.equal(web.seen.length, 2);
    });

    t.test('a body that stalls ends the try in time', async (t) => {
      const stalling: Handler = (_request, reply) => void reply.writeHead(200).write('{');
      const { get } = await host(t, stalling, { stallTimeoutMs: 60 });
      const error = await refusalOf(get());
      t.match(error, { code: 'network', message: 'the body stalled' });
    });

    t.test('a host that drips single bytes counts as stalled', async (t) => {
      const dripping: Handler = (_request, reply) => {
        reply.writeHead(200);
        const timer = setInterval(() => reply.write('x'), 10);
        reply.on('close', () => clearInterval(timer));
      };
      const web = await serve(t, dripping);
      const { effects } = fastEffects();
      const real = { ...effects, clock: { ...effects.clock, now: () => Date.now() } };
      const source = openSource(real, web.url, sourceSettings({ stallTimeoutMs: 100 }));
      const error = await refusalOf(source.get(PATH, { maxBytes: 1000, ...always }));
      t.match(error, { code: 'network', message: 'the body comes too slowly' });
    });

    t.test('bytes in an encoding that nobody asked for are refused', async (t) => {
      const { get } = await host(t, answer(200, 'xx', { 'content-encoding': 'gzip' }));
      t.match(await refusalOf(get()), { code: 'network', found: 'gzip' });
    });

    t.test('a host that is not there is a network error with its reason', async (t) => {
      const web = await serve(t, answer(200));
      await new Promise((resolve) => web.server.close(resolve));
      const { effects, sleeps } = fastEffects();
      const source = openSource(effects, web.url, sourceSettings({ retries: 2 }));
      const error = await refusalOf(source.get(PATH, { maxBytes: 10, ...always }));
      t.match(error, { code: 'network', message: 'the host refuses the connection' });
      t.match(error.found, /ECONNREFUSED/);
      t.equal(sleeps.length, 2);
    });

    t.test('what is no HTTP at all is a network error', async (t) => {
      const web = await serve(t, (request) =>
        request.socket.end('SSH-2.0-OpenSSH_9.2\r\n'),
      );
      const source = openSource(fastEffects().effects, web.url, sourceSettings());
      const error = await refusalOf(source.get(PATH, { maxBytes: 10, ...always }));
      t.match(error, { code: 'network', message: 'what came back is not HTTP' });
    });

    t.test(
      'an abort ends a request at any time, with the reason of the abort',
      async (t) => {
        const reason = new QxError('deferred', 'stopped by SIGTERM');
        const silent: Handler = () => undefined;
        const half: Handler = (_request, reply) => void reply.writeHead(200).write('{');
        for (const handler of [silent, half]) {
          const controller = new AbortController();
          const { get, sleeps } = await host(t, handler, { retries: 3 });
          setTimeout(() => controller.abort(reason), 50);
          t.equal(await refusalOf(get({ signal: controller.signal })), reason);
          t.equal(
            await refusalOf(get({ signal: controller.signal })),
            reason,
            'and before it',
          );
          t.same(sleeps, []);
        }
      },
    );

    t.test('one connection serves many requests', async (t) => {
      const { web, get } = await host(
        t,
        inTurn(
          answer(200, '{}'),
          answer(404, HTML, { 'content-length': HTML.length }),
          answer(304),
        ),
      );
      for (let n = 0; n < 5; n += 1) await get().catch(() => undefined);
      const ports = new Set(web.seen.map((request) => request.socket.remotePort));
      t.equal(ports.size, 1);
    });
  });
