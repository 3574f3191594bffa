import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { encodeSignatures, sign } from '../../client/format/minisign/signature.ts';
import { parseSecretKeyFile } from '../../client/format/minisign/secret-key.ts';
import { encodeRoot, parseRoot } from '../../client/format/root.ts';
import { rootPath, signaturePath } from '../../client/format/tree.ts';
import { sha256 } from '../support/forge.ts';
import { answer, serve } from '../support/web.ts';
import { newWorkspace, ok, pointerOf, qxRepo, smallRelease } from './support.ts';
import { POINTER, flipped, published, serveFolder } from './trees.ts';

/** One workspace, twice: what two jobs have that started from the same tree. */
function copied(workspace: string, name: string): string {
  const copy = path.join(path.dirname(workspace), name);
  fs.cpSync(workspace, copy, { recursive: true });
  return copy;
}

/** A release of these contents; with a channel, its pointer too. */
function release(workspace: string, version: string, text: string, channel?: string) {
  const flags = channel === undefined ? [] : ['--channel', channel];
  const dir = path.join(workspace, '..', `build ${text}`);
  return ok(workspace, [
    'generate',
    '--version',
    version,
    ...flags,
    ...smallRelease(dir, text),
  ]);
}

/** A second root, signed as it must be. */
function nextRoot(workspace: string): void {
  const file = (name: string): string => path.join(workspace, 'public', name);
  const root = parseRoot(fs.readFileSync(file(rootPath(1))));
  const bytes = encodeRoot({ ...root, version: 2 });
  const key = parseSecretKeyFile(fs.readFileSync(path.join(workspace, 'keys/root.key')));
  fs.writeFileSync(file(rootPath(2)), bytes);
  const block = sign(key, bytes, { trustedComment: 'timestamp:0\tfile:2.json\thashed' });
  fs.writeFileSync(file(signaturePath(sha256(bytes))), encodeSignatures([block]));
}

interface Row {
  name: string;
  served?: (workspace: string) => Promise<unknown> | void;
  ours?: (workspace: string) => Promise<unknown> | void;
  status: number;
  says?: string | RegExp;
}

const ROWS: Row[] = [
  { name: 'the same tree', status: 0, says: 'next step' },
  {
    name: 'a tree that is one step behind',
    ours: (dir) => release(dir, '1.2.0', 'ours', 'stable'),
    status: 0,
    says: 'next step',
  },
  {
    name: 'a tree that is several steps behind',
    ours: async (dir) => {
      for (const version of ['1.2.0', '1.3.0', '1.4.0'])
        await release(dir, version, `ours ${version}`, 'stable');
    },
    status: 0,
  },
  {
    name: 'another pointer with the same serial',
    served: (dir) => release(dir, '1.2.0', 'theirs', 'stable'),
    ours: (dir) => release(dir, '1.2.0', 'ours', 'stable'),
    status: 33,
    says: /another publisher moved this channel[^]*serial 3[^]*qx-repo pull/,
  },
  {
    name: 'a pointer that is newer than ours',
    served: (dir) => release(dir, '1.2.0', 'theirs', 'stable'),
    status: 33,
    says: 'a newer pointer is served',
  },
  {
    name: 'a pointer that was never seen here, though ours went two steps further',
    served: (dir) => ok(dir, ['point', 'quantix-os', 'stable', '1.0.0', '--rollback']),
    ours: async (dir) => {
      await release(dir, '1.2.0', 'ours', 'stable');
      await release(dir, '1.3.0', 'ours again', 'stable');
    },
    status: 33,
    says: 'another publisher moved this channel',
  },
  {
    name: 'a channel that is not known here',
    served: (dir) => ok(dir, ['point', 'quantix-os', 'lab', '1.0.0']),
    ours: (dir) => release(dir, '1.2.0', 'ours', 'stable'),
    status: 33,
    says: /quantix-os\/lab\.json/,
  },
  {
    name: 'one version with other contents, no channel moved',
    served: (dir) => release(dir, '1.2.0', 'theirs'),
    ours: (dir) => release(dir, '1.2.0', 'ours'),
    status: 33,
    says: 'another publisher made this version',
  },
  {
    name: 'one release number under two versions',
    served: (dir) => release(dir, '1.2.0', 'theirs'),
    ours: (dir) => release(dir, '1.3.0', 'ours'),
    status: 33,
    says: 'another publisher took this release number',
  },
  {
    name: 'a release that is not known here',
    served: (dir) => release(dir, '1.2.0', 'theirs'),
    ours: (dir) => ok(dir, ['point', 'quantix-os', 'stable', '1.0.0', '--rollback']),
    status: 33,
    says: 'a release that is not known here was published',
  },
  {
    name: 'a root that is not known here',
    served: nextRoot,
    status: 33,
    says: 'a newer trust root is served',
  },
  {
    name: 'a root that is not known here, and a release made under the one before',
    served: nextRoot,
    ours: (dir) => release(dir, '1.2.0', 'ours', 'stable'),
    status: 33,
    says: /a newer trust root is served[^]*root 1 at the most[^]*root 2/,
  },
  { name: 'a root that is not there yet', ours: nextRoot, status: 0 },
  {
    name: 'a pointer that no host takes: publishing mends it',
    served: (dir) => {
      const file = path.join(dir, 'public', POINTER);
      fs.writeFileSync(file, flipped(fs.readFileSync(file), 100));
    },
    ours: (dir) => release(dir, '1.2.0', 'ours', 'stable'),
    status: 0,
    says: /warning: .*publishing replaces it/,
  },
  {
    name: 'an index and a page that cannot be read: publishing mends them',
    served: (dir) => {
      for (const name of ['repository.json', 'products/quantix-os/releases-1.json'])
        fs.writeFileSync(path.join(dir, 'public', name), '{');
    },
    status: 0,
    says: 'warning: ',
  },
  {
    name: 'a listed release that nobody signed is no reason',
    served: (dir) => {
      const file = path.join(dir, 'public/products/quantix-os/releases-1.json');
      const text = fs.readFileSync(file, 'utf8').replace('"1.1.0"', '"1.9.9"');
      fs.writeFileSync(file, text);
    },
    status: 0,
  },
  {
    name: 'nothing at all',
    served: (dir) => {
      fs.rmSync(path.join(dir, 'public'), { recursive: true });
    },
    status: 0,
    says: 'nothing is served there yet',
  },
  {
    name: 'another repository',
    served: (dir) => {
      const file = path.join(dir, 'public', rootPath(1));
      const text = fs.readFileSync(file, 'utf8');
      fs.writeFileSync(
        file,
        text.replace('"repository": "test"', '"repository": "other"'),
      );
    },
    status: 23,
    says: 'another repository is served there',
  },
];

t.test('what is served decides whether ours is the next step', async (t) => {
  const origin = await published(t.testdir());
  for (const [at, { name, served, ours, status, says = /next step/ }] of ROWS.entries()) {
    await t.test(`${name}: ${status}`, async (t) => {
      const [theirs, mine] = [
        copied(origin, `theirs-${at}`),
        copied(origin, `ours-${at}`),
      ];
      await served?.(theirs);
      await ours?.(mine);
      const url = await serveFolder(t, path.join(theirs, 'public'));
      const called = await qxRepo(mine, ['preflight', `${url}/`]);
      t.equal(called.status, status, called.stderr);
      t.match(called.stdout + called.stderr, says);
    });
  }
});

t.test('a folder is asked like a host, and an empty one is an empty host', async (t) => {
  const workspace = await published(t.testdir({ empty: {} }));
  const copy = copied(workspace, 'copy');
  t.match(await ok(workspace, ['preflight', path.join(copy, 'public')]), {
    ok: true,
    empty: false,
    pointers: 1,
    releases: 2,
  });
  const empty = path.join(t.testdirName, 'empty');
  t.match(await ok(workspace, ['preflight', empty]), { empty: true });
  const own = await qxRepo(workspace, ['preflight', path.join(workspace, 'public')]);
  t.equal(own.status, 2, 'the own tree says nothing');
});

t.test('a host that does not answer is not taken for an empty one', async (t) => {
  const workspace = await newWorkspace(path.join(t.testdir(), 'workspace'));
  const { url } = await serve(t, answer(503));
  t.equal((await qxRepo(workspace, ['preflight', url])).status, 10);
});

t.test(
  'the publisher who was second takes over what is served and goes on',
  async (t) => {
    const origin = await published(t.testdir());
    const [theirs, mine] = [copied(origin, 'theirs'), copied(origin, 'mine')];
    await release(theirs, '1.2.0', 'theirs', 'stable');
    await release(mine, '1.2.0', 'ours', 'stable');
    const url = await serveFolder(t, path.join(theirs, 'public'));
    t.equal((await qxRepo(mine, ['preflight', url])).status, 33);
    t.equal((await qxRepo(mine, ['pull', url])).status, 33, 'nothing yields by itself');

    const pulled = await ok(mine, ['pull', url, '--theirs']);
    t.match(pulled, { accepted: true, givenUp: 1 });
    t.same(pointerOf(mine, 'stable'), pointerOf(theirs, 'stable'));
    t.equal((await ok(mine, ['verify'])).exitCode, 0);
    t.equal((await qxRepo(mine, ['preflight', url])).status, 0);

    await release(mine, '1.3.0', 'ours', 'stable');
    t.equal(pointerOf(mine, 'stable').serial, 4);
    t.equal((await qxRepo(mine, ['preflight', url])).status, 0);
    t.equal((await ok(mine, ['verify'])).exitCode, 0);
  },
);
