import fs from 'node:fs';
import t from 'tap';
import { objectPath } from '../../client/format/tree.ts';
import { makeForge } from '../support/forge.ts';
import { serveTree } from '../support/bad-tree.ts';
import { rootsChecked } from '../support/host-state.ts';
import { programPath, run } from '../support/process.ts';
import { makeHost } from '../support/sandbox.ts';
import { makeAuthority, serve } from '../support/web.ts';

const POINTER = '/channels/quantix-os/stable.json';

t.test(
  'a host that is up to date asks once, and for the next root once a day',
  async (t) => {
    const dir = t.testdir({ tree: {}, host: {} });
    const forge = makeForge(`${dir}/tree`);
    forge.release();
    const web = await serve(t, serveTree(forge.dir));
    const host = makeHost(`${dir}/host`, { url: web.url, root: forge.rootBytes });
    host.configure({ auto_apply: true });
    const asked = async (): Promise<string[]> => {
      web.seen.length = 0;
      const { status, stdout, stderr } = await host.run(['run']);
      t.equal(status, 0, stderr);
      t.equal(stdout + stderr, '', 'nothing is printed');
      return web.seen.map(({ url }) => url ?? '');
    };
    t.equal((await host.run(['run'])).status, 0);
    t.same(await asked(), [POINTER]);

    rootsChecked(host, 25 * 3_600_000);
    t.same(
      await asked(),
      [POINTER, '/root/2.json'],
      'a day later the next root is asked for',
    );
    t.same(await asked(), [POINTER], 'and not again before another day has passed');
  },
);

t.test('a run that finds nothing new loads only what it needs for that', async (t) => {
  const dir = t.testdir({
    tree: {},
    host: {},
    'list.cjs': `process.on('exit', () => require('node:fs').writeFileSync(
      require('node:path').join(__dirname, 'loaded'), process.moduleLoadList.join('\\n')));`,
  });
  const forge = makeForge(`${dir}/tree`);
  forge.release();
  const files = serveTree(forge.dir);
  const web = await serve(t, (request, reply) => {
    if (request.headers['if-none-match'] === '"1"') return reply.writeHead(304).end();
    return files(request, reply.setHeader('etag', '"1"'));
  });
  const host = makeHost(`${dir}/host`, { url: web.url, root: forge.rootBytes });
  host.configure({ auto_apply: true });
  t.equal((await host.run(['run'])).status, 0);

  const listed = ['--require', `${dir}/list.cjs`, programPath('qx-update')];
  const { status } = await run(process.execPath, [...listed, '--root', host.dir, 'run']);
  t.equal(status, 0);
  const loaded = fs.readFileSync(`${dir}/loaded`, 'utf8').split('\n');
  const unwanted = ['https', 'tls', 'zlib', 'stream/web', 'fs/promises'];
  t.ok(loaded.includes('NativeModule http'), 'it asks');
  t.same(
    unwanted.filter((name) => loaded.includes(`NativeModule ${name}`)),
    [],
    'node-fetch, TLS, compression, threads for small files',
  );
});

t.test('what was downloaded ahead or is installed is not asked for again', async (t) => {
  const dir = t.testdir({ tree: {}, host: {} });
  const forge = makeForge(`${dir}/tree`);
  const content = Buffer.from('the same in both releases');
  const { object } = forge.release({ content });
  const web = await serve(t, serveTree(forge.dir));
  const host = makeHost(`${dir}/host`, { url: web.url, root: forge.rootBytes });
  const objectsAsked = async (command: string): Promise<(string | undefined)[]> => {
    web.seen.length = 0;
    const { status, stderr } = await host.run([command]);
    t.equal(status, 0, stderr);
    return web.seen.map(({ url }) => url).filter((url) => url?.startsWith('/objects/'));
  };
  const all = [`/${objectPath(object.sha256)}`];
  t.same(await objectsAsked('download'), all);
  t.same(await objectsAsked('download'), [], 'it lies in staging');
  t.same(await objectsAsked('apply'), [], 'and is installed from there');
  forge.release({ content, version: '1.1.0', serial: 2, manifest: { release: 2 } });
  t.same(await objectsAsked('apply'), [], 'the next release has the same content');
});

t.test(
  'a private host gets its own CA, our certificate and the Authorization header',
  async (t) => {
    const dir = t.testdir({ tree: {}, host: {}, authority: {} });
    const forge = makeForge(`${dir}/tree`);
    forge.release();
    const authority = makeAuthority(`${dir}/authority`);
    const files = serveTree(forge.dir);
    const web = await serve(
      t,
      (request, reply) => {
        if (request.headers.authorization === 'Bearer s3cret') files(request, reply);
        else reply.writeHead(401).end();
      },
      {
        ...authority.server,
        ca: authority.ca,
        requestCert: true,
        rejectUnauthorized: true,
      },
    );
    const host = makeHost(`${dir}/host`, { url: web.url, root: forge.rootBytes });
    const put = (name: string, bytes: string | Buffer): string => {
      fs.writeFileSync(host.path(`/quantix/${name}`), bytes);
      return `/quantix/${name}`;
    };
    const tls = {
      ca_file: put('ca.pem', authority.ca),
      client_cert: put('client.pem', authority.client.certificate),
      client_key: put('client.key', authority.client.key),
    };
    host.configure({
      ...tls,
      retries: 0,
      authorization_file: put('token', 'Bearer s3cret\n'),
    });
    const accepted = await host.run(['apply']);
    t.equal(accepted.status, 0, accepted.stderr);

    host.configure({
      ...tls,
      retries: 0,
      authorization_file: put('token', 'Bearer wrong\n'),
    });
    const refused = await host.run(['check', '--verbose']);
    t.equal(refused.status, 10);
    t.match(refused.stderr, /401/);
    t.notMatch(refused.stderr, /wrong/, 'the token is not told');

    host.configure({ retries: 0 });
    t.equal(
      (await host.run(['check'])).status,
      10,
      'without the CA the host is not trusted',
    );
  },
);

t.test(
  'the second mirror serves when the first is down, and the log says so',
  async (t) => {
    const dir = t.testdir({ tree: {}, host: {} });
    const forge = makeForge(`${dir}/tree`);
    forge.release();
    const web = await serve(t, serveTree(forge.dir));
    const host = makeHost(`${dir}/host`, { url: web.url, root: forge.rootBytes });
    const mirrors = ['http://127.0.0.1:1', web.url];
    fs.writeFileSync(
      host.path('/quantix/update.toml'),
      `mirrors = ${JSON.stringify(mirrors)}\nproduct = "quantix-os"\nretries = 0\n`,
    );
    const finished = await host.run(['apply']);
    t.equal(finished.status, 0, finished.stderr);
    t.match(finished.stderr, /warning: http:\/\/127\.0\.0\.1:1/);
    t.match(
      fs.readFileSync(host.path('/data/updates/update.log'), 'utf8'),
      /Z mirror-refused http:\/\/127\.0\.0\.1:1/,
    );
  },
);
