import t, { type Test } from 'tap';
import { openSource } from '../../../client/reader/open-source.ts';
import type { Fetched } from '../../../client/reader/source.ts';
import {
  answer,
  fastEffects,
  makeAuthority,
  refusalOf,
  serve,
  sourceSettings,
  WAYS,
} from '../../support/web.ts';
import { needs } from '../../support/needs.ts';

const PATH = 'root/2.json';
const OPTIONS = { maxBytes: 100 };

function getOf(base: string, changes: object, always: object): Promise<Fetched> {
  const settings = sourceSettings({ retries: 3, ...changes });
  const source = openSource(fastEffects().effects, base, settings);
  return source.get(PATH, { ...OPTIONS, ...always });
}

for (const [way, always] of WAYS)
  t.test(`TLS, ${way}`, needs('openssl'), async (t: Test) => {
    const get = (base: string, changes: object): Promise<Fetched> =>
      getOf(base, changes, always);
    const { ca, server, client } = makeAuthority(t.testdir());
    const foreign = makeAuthority(t.testdir({ foreign: {} }) + '/foreign');

    t.test('a private authority is trusted when its certificate is given', async (t) => {
      const web = await serve(t, answer(200, '{}'), server);
      t.match(await get(web.url, { tls: { ca } }), { status: 'found' });
    });

    t.test('without it, or with another, the host is refused at once', async (t) => {
      const web = await serve(t, answer(200, '{}'), server);
      for (const tls of [undefined, { ca: foreign.ca }]) {
        const error = await refusalOf(get(web.url, tls ? { tls } : {}));
        t.equal(error.code, 'network');
        t.match(error.message, /not from a known authority/);
        t.match(error.hint, /ca_file/);
      }
      t.equal(web.seen.length, 0);
    });

    t.test('a certificate for another name is refused', async (t) => {
      const web = await serve(t, answer(200, '{}'), server);
      const base = web.url.replace('127.0.0.1', 'localhost');
      const error = await refusalOf(get(base, { tls: { ca } }));
      t.match(error.message, /for another name/);
    });

    t.test('no environment variable switches the check off', async (t) => {
      const web = await serve(t, answer(200, '{}'), server);
      process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
      t.teardown(() => delete process.env.NODE_TLS_REJECT_UNAUTHORIZED);
      t.equal((await refusalOf(get(web.url, {}))).code, 'network');
    });

    t.test('a host that wants a client certificate gets ours', async (t) => {
      const strict = { ...server, ca, requestCert: true, rejectUnauthorized: true };
      const web = await serve(t, answer(200, '{}'), strict);
      const { certificate, key } = client;
      t.match(await get(web.url, { tls: { ca, certificate, key } }), { status: 'found' });
      const error = await refusalOf(get(web.url, { tls: { ca } }));
      t.equal(error.code, 'network');
    });

    t.test('files that are no certificates are a configuration error', async (t) => {
      const { certificate } = client;
      const rows = [
        { ca, certificate, key: foreign.client.key },
        { ca, certificate: Buffer.from('hello'), key: client.key },
      ];
      for (const tls of rows) {
        const error = await refusalOf(get('https://127.0.0.1:1/', { tls }));
        t.match(error, { code: 'config', message: 'the TLS files cannot be used' });
      }
    });

    t.test('a redirect from https down to http is refused', async (t) => {
      const plain = await serve(t, answer(200, '{}'));
      const away = answer(302, '', { location: `${plain.url}/x` });
      const web = await serve(t, away, server);
      const error = await refusalOf(get(web.url, { tls: { ca } }));
      t.match(error, { code: 'network', expected: 'https:', found: `${plain.url}/x` });
      t.equal(plain.seen.length, 0);
      t.equal(web.seen.length, 1);
    });

    t.test('a redirect to another https host goes without our certificate', async (t) => {
      const asking = { ...server, ca, requestCert: true, rejectUnauthorized: false };
      const subjects: unknown[] = [];
      const other = await serve(
        t,
        (request, reply) => {
          subjects.push(Reflect.get(request.socket, 'authorized'));
          reply.end('{}');
        },
        asking,
      );
      const away = answer(302, '', { location: `${other.url}/x` });
      const web = await serve(t, away, asking);
      const tls = { ca, certificate: client.certificate, key: client.key };
      await get(other.url, { tls });
      t.match(await get(web.url, { tls }), { status: 'found' });
      t.same(
        subjects,
        [true, false],
        'shown when asked directly, not through the redirect',
      );
    });

    t.test('https to a port that speaks http is a network error', async (t) => {
      const web = await serve(t, answer(200, '{}'));
      const error = await refusalOf(
        get(web.url.replace('http:', 'https:'), { tls: { ca } }),
      );
      t.match(error, { code: 'network', message: 'the TLS connection failed' });
    });
  });
