import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { observe } from '../../client/effects/observe.ts';
import type { Root } from '../../client/format/root.ts';
import { writeIndexes } from '../../generator/tree/indexes.ts';
import {
  type ReleaseIndex,
  highestRelease,
  loadReleases,
} from '../../generator/tree/releases.ts';
import { openTree } from '../../generator/tree/tree.ts';
import { nextVersion } from '../../generator/release/version.ts';
import { effectsAt, filesBelow, readJson, write } from './support.ts';

const digest = (number: number): string => `${number}`.padStart(64, '0');

function manyReleases(count: number): ReleaseIndex {
  const rows = Array.from({ length: count }, (_, at) => ({
    version: `1.0.${at}`,
    release: at + 1,
    release_date: '2026-01-01T00:00:00Z',
    update_type: 'component' as const,
    manifests: { any: { sha256: digest(at), size: 1 } },
  }));
  return { rows: new Map([['p', rows]]), unsigned: [], pages: new Map() };
}

t.test('pages hold 100 releases; a new release rewrites the last one only', async (t) => {
  const dir = t.testdir({ public: {} });
  const open = () =>
    openTree(effectsAt().files, path.join(dir, 'public'), path.join(dir, 'staging'));
  await writeIndexes(open(), 'test', manyReleases(150));
  t.equal(readJson(dir, 'public/products/p/releases-1.json').releases.length, 100);
  t.equal(readJson(dir, 'public/products/p/releases-2.json').releases.length, 50);
  const tree = open();
  await writeIndexes(tree, 'test', manyReleases(151));
  t.same(
    tree.changes.map((change) => change.path),
    ['products/p/releases-2.json', 'repository.json'],
  );
});

t.test(
  'knowing 1,000 releases takes ten pages and one listing, and no manifest is opened',
  async (t) => {
    const dir = t.testdir({ public: {} });
    const index = manyReleases(1000);
    for (let at = 0; at < 1000; at += 1)
      write(path.join(dir, `public/manifests/${digest(at)}.json`), '');
    const files = effectsAt().files;
    await writeIndexes(
      openTree(files, path.join(dir, 'public'), path.join(dir, 'staging')),
      'test',
      index,
    );
    const read: string[] = [];
    const watched = observe(effectsAt(), ({ name, args }) => {
      if (name === 'files.read') read.push(path.relative(dir, String(args[0])));
    });
    const tree = openTree(
      watched.files,
      path.join(dir, 'public'),
      path.join(dir, 'staging'),
    );
    const known = await loadReleases(tree, { repository: 'test' } as Root);
    t.equal(highestRelease(known, 'p'), 1000);
    // The eleventh is the page that is not there.
    t.equal(read.length, 11, read.join('\n'));
  },
);

t.test(
  'what a new release adds to is the one page that is looked at again',
  async (t) => {
    const dir = t.testdir({ public: {} });
    const touched: string[] = [];
    const watched = observe(effectsAt(), ({ args }) => {
      const page = /releases-\d+\.json/.exec(String(args[0]))?.[0];
      if (page !== undefined) touched.push(page);
    });
    const open = () =>
      openTree(watched.files, path.join(dir, 'public'), path.join(dir, 'staging'));
    for (let at = 0; at < 250; at += 1)
      write(path.join(dir, `public/manifests/${digest(at)}.json`), '');
    await writeIndexes(open(), 'test', manyReleases(250));
    const index = await loadReleases(open(), { repository: 'test' } as Root);
    touched.length = 0;
    await writeIndexes(open(), 'test', index);
    t.same(touched, [], 'nothing is new');

    index.rows.get('p')?.push(...(manyReleases(251).rows.get('p')?.slice(250) ?? []));
    await writeIndexes(open(), 'test', index);
    t.same([...new Set(touched)], ['releases-3.json']);
    t.equal(readJson(dir, 'public/products/p/releases-3.json').releases.length, 51);

    const [first] = index.rows.get('p') ?? [];
    if (first !== undefined) first.withdrawn = 'it forgets its network';
    touched.length = 0;
    await writeIndexes(open(), 'test', index);
    t.same([...new Set(touched)], ['releases-1.json'], 'a mark on an old release');
    if (first !== undefined) delete first.withdrawn;
    await writeIndexes(open(), 'test', index);
    const [row] = readJson(dir, 'public/products/p/releases-1.json').releases;
    t.notOk('withdrawn' in row, 'and the mark taken away in the same run');
  },
);

t.test(
  'a broken page is passed over, and a manifest nobody signed does not count',
  async (t) => {
    const dir = t.testdir({ public: { products: { p: { 'releases-1.json': '{' } } } });
    write(path.join(dir, `public/manifests/${digest(1)}.json`), '{}');
    const tree = openTree(
      effectsAt().files,
      path.join(dir, 'public'),
      path.join(dir, 'staging'),
    );
    const known = await loadReleases(tree, { repository: 'test' } as Root);
    t.equal(known.rows.size, 0);
    t.match(known.unsigned, [{ sha256: digest(1), problem: { code: 'digest' } }]);
  },
);

t.test(
  'immutable files are compared and never rewritten; others are, when they differ',
  async (t) => {
    const dir = t.testdir({ public: {} });
    const tree = openTree(
      effectsAt().files,
      path.join(dir, 'public'),
      path.join(dir, 'staging'),
    );
    await tree.write('root/1.json', Buffer.from('one'));
    await tree.write('root/1.json', Buffer.from('one'));
    await t.rejects(tree.write('root/1.json', Buffer.from('two')), { code: 'digest' });
    await tree.write('repository.json', Buffer.from('one'));
    await tree.write('repository.json', Buffer.from('two'));
    t.same(tree.changes, [
      { path: 'root/1.json', action: 'created' },
      { path: 'repository.json', action: 'created' },
      { path: 'repository.json', action: 'replaced' },
    ]);
    t.equal(fs.readFileSync(path.join(dir, 'public/root/1.json'), 'utf8'), 'one');
  },
);

t.test('a dry run remembers what it would have written', async (t) => {
  const dir = t.testdir({ public: {} });
  const tree = openTree(
    effectsAt().files,
    path.join(dir, 'public'),
    path.join(dir, 'staging'),
    true,
  );
  await tree.write('channels/p/dev.json', Buffer.from('pointer'));
  t.equal((await tree.read('channels/p/dev.json', 100))?.toString(), 'pointer');
  t.same(await tree.list('channels'), ['p']);
  t.same(filesBelow(dir), {});
});

t.test('the version after another one', (t) => {
  const rows: [current: string | undefined, channel: string, next: string][] = [
    ['1.4.2', 'stable', '1.4.3'],
    ['1.4.3-dev.2', 'stable', '1.4.3'],
    ['1.4.2', 'dev', '1.4.3-dev.1'],
    ['1.4.3-dev.1', 'dev', '1.4.3-dev.2'],
    ['1.4.3-dev.9', 'dev', '1.4.3-dev.10'],
    ['1.5.0-rc.1', 'dev', '1.5.1-dev.1'],
    ['1.5.0-alpha.1', 'dev', '1.5.0-dev.1'],
    [undefined, 'dev', '0.1.0-dev.1'],
    [undefined, 'stable', '0.1.0'],
  ];
  for (const [current, channel, next] of rows)
    t.equal(nextVersion(current, channel), next);
  t.end();
});
