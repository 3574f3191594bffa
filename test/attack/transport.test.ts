import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { encodePointer } from '../../client/format/pointer.ts';
import { serveTree } from '../support/bad-tree.ts';
import { needs } from '../support/needs.ts';
import { makeAuthority, serve, type Web } from '../support/web.ts';
import { installed, installs, refuses } from './judge.ts';
import { type Lie, redirects, says } from './simulator.ts';
import { stories, type World } from './world.ts';

/** Where a server sends the client, what the client shows there, and what caches make of what they have seen. */

const story = stories(t);
const OBJECT = /^\/objects\//;
const STABLE = /channels\/quantix-os\/stable\.json$/;
const TOKEN = 'Bearer s3cret-of-this-host';

const ELSEWHERE = [
  'file:///etc/passwd',
  'FILE:/etc/passwd',
  'ftp://127.0.0.1/object',
  'data:text/plain,owned',
  'blob:http://127.0.0.1/object',
  'javascript:0',
  'unix:/run/docker.sock',
  'ws://127.0.0.1/object',
  'http://',
];

story('a server sends the client to what is no web server', async (t, world) => {
  world.publish('1.1.0');
  for (const about of [STABLE, OBJECT])
    for (const place of ELSEWHERE) {
      t.comment(`${String(about)} ${place}`);
      world.web.repents();
      world.web.lies(
        about,
        redirects(() => place),
      );
      const learns = about === OBJECT ? ({ learns: 'manifest' } as const) : {};
      await refuses(t, world, { exit: 10, says: /redirect/, ...learns });
    }
});

/** Another host, which has the whole tree and keeps what it was shown. */
async function secondHost(t: Test, world: World): Promise<Web> {
  return serve(t, serveTree(world.forge.dir));
}

function withToken({ host }: World, keys: Record<string, string> = {}): void {
  fs.writeFileSync(host.path('/quantix/token'), `${TOKEN}\n`, { mode: 0o600 });
  host.configure({ authorization_file: '/quantix/token', ...keys });
}

story(
  'a server sends the client to a host that collects credentials',
  async (t, world) => {
    world.publish('1.1.0');
    const thief = await secondHost(t, world);
    withToken(world);
    const shown: (string | undefined)[] = [];
    world.web.lies(/./, (reply, { url = '/', headers }) => {
      shown.push(headers.authorization);
      reply.writeHead(302, { location: `${thief.url}${url}` }).end();
    });
    await installs(t, world, '1.1.0');
    t.ok(shown.length >= 5, `${shown.length}`);
    t.same([...new Set(shown)], [TOKEN], 'where it belongs it is shown');
    t.equal(thief.seen.length, shown.length);
    t.same(
      thief.seen.filter(({ headers }) => JSON.stringify(headers).includes('s3cret')),
      [],
      'and nowhere else',
    );
  },
);

story('a redirect puts a user and a password into the URL', async (t, world) => {
  world.publish('1.1.0');
  const thief = await secondHost(t, world);
  world.web.lies(/./, (reply, { url = '/' }) => {
    const location = `${thief.url.replace('//', '//user:word@')}${url}`;
    reply.writeHead(302, { location }).end();
  });
  await installs(t, world, '1.1.0');
  t.same(
    thief.seen.filter(({ headers }) => headers.authorization !== undefined),
    [],
  );
});

story(
  'a pointer names another place for objects, which collects credentials',
  async (t, world) => {
    const thief = await secondHost(t, world);
    withToken(world);
    world.publish('1.1.0', { pointer: { objects: [thief.url] } });
    world.web.lies(OBJECT, (reply) => void reply.writeHead(404).end());
    await installs(t, world, '1.1.0');
    t.ok(thief.seen.length > 0);
    t.same(
      thief.seen.filter(({ headers }) => JSON.stringify(headers).includes('s3cret')),
      [],
    );
  },
);

story(
  'https is left by way of a redirect',
  async (t, world) => {
    const folder = path.join(path.dirname(world.host.dir), 'authority');
    fs.mkdirSync(folder, { recursive: true });
    const authority = makeAuthority(folder);
    const plain = await secondHost(t, world);
    let lie: Lie | undefined;
    const safe = await serve(
      t,
      (request, reply) => {
        if (lie !== undefined) lie(reply, request, world.forge.dir);
        else serveTree(world.forge.dir)(request, reply);
      },
      authority.server,
    );
    fs.writeFileSync(world.host.path('/quantix/ca.pem'), authority.ca);
    withToken(world, { url: safe.url, ca_file: '/quantix/ca.pem' });
    world.publish('1.1.0');
    lie = redirects((url) => `${plain.url}${url}`);
    await refuses(t, world, {
      exit: 10,
      says: /less safe kind of URL[^]*expected +https:/,
    });
    t.same(plain.seen, [], 'not one request went out in the clear');
    lie = undefined;
    await installs(t, world, '1.1.0');
  },
  needs('openssl'),
);

/** As servers and caches do it: 304 for who has what bears this tag. */
function tagged(tag: string): Lie {
  return (reply, { url = '/', headers }, dir) => {
    if (headers['if-none-match'] === tag) return void reply.writeHead(304).end();
    const bytes = fs.readFileSync(path.join(dir, url));
    reply.writeHead(200, { etag: tag }).end(bytes);
  };
}

story(
  'a cache was poisoned once: the pointer of yesterday under the tag of today',
  async (t, world) => {
    const life = { issued: '2030-01-01T00:00:00Z', expires: '2030-03-31T00:00:00Z' };
    const yesterday = encodePointer(world.publish('1.1.0', { pointer: life }).pointer);
    world.publish('1.2.0', { pointer: life });
    world.web.lies(STABLE, says(yesterday, { etag: '"today"' }));
    await installs(t, world, '1.1.0', { at: '2030-01-02T00:00:00Z' });
    // From now on everybody tells the truth.
    world.web.lies(STABLE, tagged('"today"'));
    const { status } = await world.client({ at: '2030-01-02T12:00:00Z' });
    t.equal(status, 0);
    t.equal(installed(world.host), '1.1.0', 'nobody says anything else');
    await installs(t, world, '1.2.0', { at: '2030-01-03T00:00:01Z' });
  },
);

story(
  'a cache was poisoned once, with a pointer that nobody signed',
  async (t, world) => {
    const { pointer } = world.publish('1.1.0');
    const forged = encodePointer({ ...pointer, serial: 99 });
    world.web.lies(STABLE, says(forged, { etag: '"today"' }));
    await refuses(t, world, { exit: 20, says: /the pointer is not signed/ });
    // What was refused has left no tag behind.
    world.web.lies(STABLE, tagged('"today"'));
    await installs(t, world, '1.1.0');
  },
);
