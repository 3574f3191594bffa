import t, { type Test } from 'tap';
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
} from '../../support/web.ts';

const PATH = 'channels/quantix-os/stable.json';

interface Tried {
  web: Web;
  sleeps: number[];
  get: (changes?: object) => Promise<Fetched>;
}

async function host(t: Test, handler: Handler, changes: object = {}): Promise<Tried> {
  const web = await serve(t, handler);
  const { effects, sleeps } = fastEffects();
  const source = openSource(effects, `${web.url}/tree/`, sourceSettings(changes));
  const get = (options: object = {}): Promise<Fetched> =>
    source.get(PATH, { maxBytes: 1000, ...options });
  return { web, sleeps, get };
}

t.test('redirects are followed, and a loop ends', async (t) => {
  const once: Handler = (request, reply) =>
    request.url?.startsWith('/there')
      ? reply.end('{}')
      : reply.writeHead(302, { location: '/there/it?token=1' }).end();
  const { web, get } = await host(t, once);
  t.match(await get(), { status: 'found', url: `${web.url}/there/it` });
  const loop = await host(t, answer(301, '', { location: `/tree/${PATH}` }), {
    retries: 3,
  });
  t.match(await refusalOf(loop.get()), {
    code: 'network',
    message: 'too many redirects',
  });
  t.equal(loop.web.seen.length, 6);
});

t.test('Authorization goes to the origin of the base and no further', async (t) => {
  const other = await serve(t, answer(200, '{}'));
  const to = { location: `${other.url}/x` };
  const { web, get } = await host(t, answer(307, '', to), {
    authorization: 'Bearer abc',
  });
  await get();
  t.equal(web.seen[0]?.headers.authorization, 'Bearer abc');
  t.equal(other.seen.length, 1);
  t.notOk(other.seen[0]?.headers['authorization']);
});

t.test(
  'user and password of a URL become Basic Authorization and are never shown',
  async (t) => {
    const web = await serve(t, inTurn(answer(200, '{}'), answer(401)));
    const base = web.url.replace('//', '//us%C3%A9r:p%40ssw@') + '/tree?sig=token';
    const settings = sourceSettings({ authorization: 'Bearer abc' });
    const source = openSource(fastEffects().effects, base, settings);
    t.equal(source.base, `${web.url}/tree`);
    const reply = await source.get(PATH, { maxBytes: 10 });
    const basic = `Basic ${Buffer.from('usér:p@ssw').toString('base64')}`;
    t.equal(web.seen[0]?.headers.authorization, basic);
    t.equal(web.seen[0]?.url, `/tree/${PATH}?sig=token`, 'a query is kept');
    const error = await refusalOf(source.get(PATH, { maxBytes: 10 }));
    t.match(error.hint, /authorization_file/);
    const said = JSON.stringify([reply, error.message, error.where, error.found]);
    t.notMatch(said, /ssw|p%40|token/);
  },
);

t.test('URLs of other kinds are refused as configuration', async (t) => {
  const { effects } = fastEffects();
  for (const base of ['ftp://a.example/', 'tree', '//a.example', 'file://a.example/x']) {
    const open = Promise.resolve().then(() =>
      openSource(effects, base, sourceSettings()),
    );
    t.equal((await refusalOf(open)).code, 'config', base);
  }
  const secret = Promise.resolve().then(() =>
    openSource(effects, 'http//me:secret@a.example', sourceSettings()),
  );
  t.notMatch((await refusalOf(secret)).found, /secret/);
});

t.test('a path that leaves the tree is a defect', async (t) => {
  const { effects } = fastEffects();
  const source = openSource(effects, 'http://127.0.0.1:1/', sourceSettings());
  for (const path of ['../x', 'a/../b', '/a', 'a//b', 'a b', 'a?b', 'a%2fb', 'a\\b', '.'])
    t.equal((await refusalOf(source.get(path, { maxBytes: 1 }))).code, 'defect', path);
});
