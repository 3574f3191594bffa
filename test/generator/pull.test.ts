import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { observe } from '../../client/effects/observe.ts';
import { parsePointer } from '../../client/format/pointer.ts';
import { rootPath } from '../../client/format/tree.ts';
import { presetConfig } from '../../generator/workspace/preset.ts';
import { makeForge, sha256 } from '../support/forge.ts';
import { answer, serve } from '../support/web.ts';
import {
  effectsAt,
  filesBelow,
  NOW,
  ok,
  qxRepo,
  readJson,
  smallRelease,
  write,
} from './support.ts';
import { POINTER, flipped, published, serveFolder, treeAt } from './trees.ts';

/** An empty workspace of the repository "test", as a CI job checks it out. */
function checkedOut(dir: string, repository = 'test'): string {
  write(path.join(dir, 'quantix-repo.toml'), presetConfig(repository));
  return dir;
}

/** Keys come from a secret store, not from the tree. */
function giveKeys(from: string, to: string): void {
  fs.cpSync(path.join(from, 'keys'), path.join(to, 'keys'), { recursive: true });
}

/** Documents and their signatures; the signature of a pointer that is gone signs nothing any more. */
function documents(workspace: string): Record<string, string> {
  const all = Object.entries(filesBelow(path.join(workspace, 'public'))).filter(
    ([name]) => name.includes('/') && !name.startsWith('objects/'),
  );
  const digests = all.map(([, text]) => sha256(Buffer.from(text, 'base64')));
  const isOfOne = (name: string): boolean =>
    !name.startsWith('signatures/') || digests.includes(name.slice(11, 75));
  return Object.fromEntries(all.filter(([name]) => isOfOne(name)));
}

t.test(
  'an empty CI job gets every document and goes on where the last one ended',
  async (t) => {
    const origin = await published(t.testdir());
    const url = await serveFolder(t, path.join(origin, 'public'));
    const ci = checkedOut(path.join(t.testdirName, 'ci'));

    const pulled = await ok(ci, ['pull', url]);
    t.match(pulled, {
      accepted: true,
      root: { pinned: false },
      manifests: { fetched: 2, kept: 0 },
    });
    t.match(pulled.channels, [
      { channel: 'stable', version: '1.1.0', serial: 2, state: 'new' },
    ]);
    t.same(documents(ci), documents(origin), 'byte for byte');
    t.notOk(fs.existsSync(path.join(ci, 'public/objects')), 'and no objects');
    const verified = await ok(ci, ['verify']);
    t.match(verified.objects, { checked: 0, notHere: 8 });

    const again = await ok(ci, ['pull', url]);
    t.match(again, {
      root: { pinned: true },
      manifests: { fetched: 0, kept: 2 },
      changes: [],
    });

    giveKeys(origin, ci);
    const release = smallRelease(path.join(t.testdirName, 'next'), 'next');
    await ok(ci, ['generate', '--version', '1.2.0', '--channel', 'stable', ...release]);
    const pointer = parsePointer(fs.readFileSync(path.join(ci, 'public', POINTER)));
    t.equal(pointer.serial, 3, 'the next serial, and nobody had to say --first');
    t.equal((await ok(ci, ['verify'])).exitCode, 0);
    t.equal(
      (await qxRepo(ci, ['pull', url])).status,
      22,
      'what is published is older than this',
    );
    t.equal(parsePointer(fs.readFileSync(path.join(ci, 'public', POINTER))).serial, 3);
  },
);

t.test(
  'with --objects the workspace is a whole tree, which can be pulled from',
  async (t) => {
    const origin = await published(t.testdir());
    const mirror = checkedOut(path.join(t.testdirName, 'mirror'));
    const pulled = await ok(mirror, ['pull', path.join(origin, 'public'), '--objects']);
    t.match(pulled.objects, { fetched: 8, kept: 0 });
    t.match((await ok(mirror, ['verify'])).objects, { checked: 8, notHere: 0 });
    t.match((await ok(mirror, ['pull', origin, '--objects'])).objects, {
      fetched: 0,
      kept: 8,
    });
    const next = checkedOut(path.join(t.testdirName, 'next'));
    await ok(next, ['pull', path.join(mirror, 'public'), '--objects']);
    t.same(documents(next), documents(origin));
  },
);

t.test('a tree that a host refuses is not pulled, and nothing is written', async (t) => {
  const origin = await published(t.testdir());
  type Row = [
    name: string,
    harm: (tree: ReturnType<typeof treeAt>) => void,
    status: number,
  ];
  const rows: Row[] = [
    ['a harmed manifest', (tree) => tree.edit(tree.manifest, (b) => flipped(b, 300)), 21],
    ['a harmed pointer', (tree) => tree.edit(POINTER, (b) => flipped(b, 100)), 20],
    ['a missing signature', (tree) => fs.rmSync(tree.file(tree.manifestSignature)), 20],
    ['no index', (tree) => fs.rmSync(tree.file('repository.json')), 23],
  ];
  for (const [name, harm, status] of rows) {
    await t.test(name, async (t) => {
      const copy = path.join(t.testdir(), 'copy');
      fs.cpSync(path.join(origin, 'public'), copy, { recursive: true });
      harm(treeAt(copy));
      const ci = checkedOut(path.join(t.testdirName, 'ci'));
      const called = await qxRepo(ci, ['pull', await serveFolder(t, copy)]);
      t.equal(called.status, status, called.stdout);
      t.match(called.stdout, /nothing was written/);
      t.notOk(fs.existsSync(path.join(ci, 'public')));
      t.notOk(fs.existsSync(path.join(ci, 'serials.json')));
    });
  }
});

t.test('pages are made from what was verified, not copied', async (t) => {
  const origin = await published(t.testdir());
  const tree = treeAt(path.join(origin, 'public'));
  const page = 'products/quantix-os/releases-1.json';
  const before = tree.read(page);
  tree.edit(page, (bytes) => bytes.toString().replace('"release": 2', '"release": 7'));
  const ci = checkedOut(path.join(t.testdirName, 'ci'));
  t.equal((await qxRepo(ci, ['pull', tree.dir])).status, 0);
  t.same(fs.readFileSync(path.join(ci, 'public', page)), before);
});

t.test(
  'an expired channel can be pulled: signing it anew is what the job is there for',
  async (t) => {
    const origin = await published(t.testdir());
    const ci = checkedOut(path.join(t.testdirName, 'ci'));
    giveKeys(origin, ci);
    const now = '2026-08-01T00:00:00Z';
    const called = await qxRepo(ci, ['pull', origin], { now });
    t.equal(called.status, 0);
    t.match(called.stdout, /the pointer has expired/);
    await ok(ci, ['sign', '--issued', now], { now });
    t.equal((await qxRepo(ci, ['verify'], { now })).status, 0);
  },
);

t.test('the root of the workspace decides whose tree it is', async (t) => {
  const origin = await published(t.testdir());
  const other = makeForge(path.join(t.testdirName, 'other'), 'test');
  other.release({ pointer: { issued: NOW, expires: '2026-05-01T00:00:00Z' } });
  other.put(
    'repository.json',
    fs.readFileSync(path.join(origin, 'public/repository.json')),
  );
  const ci = checkedOut(path.join(t.testdirName, 'ci'));
  await ok(ci, ['pull', origin]);
  const before = filesBelow(ci);
  t.equal(
    (await qxRepo(ci, ['pull', other.dir])).status,
    20,
    'the same name, other keys',
  );
  t.same(filesBelow(ci), before);

  const fresh = checkedOut(path.join(t.testdirName, 'fresh'));
  const root = path.join(origin, 'public', rootPath(1));
  t.equal((await qxRepo(fresh, ['pull', other.dir, '--root', root])).status, 20);
  t.match(await ok(fresh, ['pull', origin, '--root', root]), { root: { pinned: true } });

  const elsewhere = checkedOut(path.join(t.testdirName, 'elsewhere'), 'somebody-else');
  t.equal((await qxRepo(elsewhere, ['pull', origin])).status, 23, 'another repository');
});

t.test(
  'a replayed or a raced pointer never takes the place of the one here',
  async (t) => {
    const origin = await published(t.testdir());
    const old = path.join(t.testdirName, 'old');
    fs.cpSync(path.join(origin, 'public'), old, { recursive: true });
    await ok(origin, [
      'point',
      'quantix-os',
      'stable',
      '1.0.0',
      '--rollback',
      '--issued',
      NOW,
    ]);
    const ci = checkedOut(path.join(t.testdirName, 'ci'));
    await ok(ci, ['pull', origin]);
    const here = fs.readFileSync(path.join(ci, 'public', POINTER));
    t.equal((await qxRepo(ci, ['pull', old])).status, 22);
    fs.rmSync(path.join(ci, 'public', POINTER));
    t.equal((await qxRepo(ci, ['pull', old])).status, 22, 'serials.json remembers');
    t.equal((await qxRepo(ci, ['pull', origin])).status, 0);
    t.same(fs.readFileSync(path.join(ci, 'public', POINTER)), here);

    const serials = path.join(ci, 'serials.json');
    const raced = readJson(serials) as { channels: Record<string, object> };
    raced.channels['quantix-os/stable'] = {
      serial: 3,
      version: '1.0.0',
      sha256: 'a'.repeat(64),
    };
    write(serials, JSON.stringify(raced));
    fs.rmSync(path.join(ci, 'public', POINTER));
    t.equal((await qxRepo(ci, ['pull', origin])).status, 33);
  },
);

t.test('an edit that is not signed yet is not lost', async (t) => {
  const origin = await published(t.testdir());
  const ci = checkedOut(path.join(t.testdirName, 'ci'));
  await ok(ci, ['pull', origin]);
  const edit =
    '{"product": "quantix-os", "channel": "stable", "version": "1.0.0", "rollback": true}';
  write(path.join(ci, 'public', POINTER), edit);
  const pulled = await ok(ci, ['pull', origin]);
  t.match(pulled.channels, [{ state: 'edited' }]);
  t.equal(fs.readFileSync(path.join(ci, 'public', POINTER), 'utf8'), edit);
});

t.test(
  '--dry-run tells and writes nothing; --repository makes the workspace',
  async (t) => {
    const origin = await published(t.testdir());
    const ci = path.join(t.testdirName, 'ci');
    fs.mkdirSync(ci);
    t.equal(
      (await qxRepo(ci, ['pull', origin])).status,
      78,
      'no workspace and no name for one',
    );
    checkedOut(ci);
    const told = await ok(ci, ['pull', origin, '--dry-run', '--objects']);
    t.ok(told.changes.length > 5);
    t.notOk(fs.existsSync(path.join(ci, 'public')));
    const made = path.join(t.testdirName, 'made');
    await ok(t.testdirName, [
      'pull',
      origin,
      '--workspace',
      made,
      '--repository',
      'test',
    ]);
    t.ok(fs.existsSync(path.join(made, 'public', POINTER)));
  },
);

t.test('a host that is not there ends with 10', async (t) => {
  const ci = checkedOut(t.testdir());
  const { url } = await serve(t, answer(503));
  t.equal((await qxRepo(ci, ['pull', url])).status, 10);
});

t.test(
  'cut off anywhere, the tree verifies, and the next run completes it',
  async (t) => {
    const origin = await published(t.testdir());
    const whole = checkedOut(path.join(t.testdirName, 'whole'));
    await ok(whole, ['pull', origin, '--objects']);
    let rootsSeen = false;
    for (let effect = 1; ; effect += 17) {
      const ci = checkedOut(path.join(t.testdirName, `cut-${effect}`));
      let cut = false;
      const effects = observe(effectsAt(), ({ index }) => {
        if (index < effect) return;
        cut = true;
        throw new Error('the power is gone');
      });
      await qxRepo(ci, ['pull', origin, '--objects'], { effects });
      rootsSeen ||= fs.existsSync(path.join(ci, 'public', rootPath(1)));
      const { status, stdout } = await qxRepo(ci, ['verify']);
      t.equal(status, rootsSeen ? 0 : 23, `effect ${effect}: ${stdout}`);
      await ok(ci, ['pull', origin, '--objects']);
      t.same(filesBelow(path.join(ci, 'public')), filesBelow(path.join(whole, 'public')));
      if (!cut) break;
    }
    t.ok(rootsSeen);
  },
);
