import t from 'tap';
import * as tree from '../../../client/format/tree.ts';

const digest = 'ab12'.repeat(16);

t.test('each kind of file has one place in the tree', (t) => {
  t.strictSame(
    [
      tree.objectPath(digest),
      tree.manifestPath(digest),
      tree.signaturePath(digest),
      tree.rootPath(3),
      tree.pointerPath('quantix-os', 'stable'),
      tree.sideSignaturePath('quantix-os', 'stable'),
      tree.releasePagePath('quantix-os', 2),
      tree.schemaPath('pointer'),
      tree.REPOSITORY_INDEX_PATH,
    ],
    [
      `objects/ab/${digest}`,
      `manifests/${digest}.json`,
      `signatures/${digest}.minisig`,
      'root/3.json',
      'channels/quantix-os/stable.json',
      'channels/quantix-os/stable.json.minisig',
      'products/quantix-os/releases-2.json',
      'schema/pointer.schema.json',
      'repository.json',
    ],
  );
  t.end();
});

t.test('what changes in place is never called immutable', (t) => {
  for (const path of [
    tree.objectPath(digest),
    tree.manifestPath(digest),
    tree.rootPath(1),
  ]) {
    t.equal(tree.isImmutable(path), true, path);
  }
  const changing = [
    tree.pointerPath('a', 'b'),
    tree.sideSignaturePath('a', 'b'),
    tree.signaturePath(digest),
    tree.releasePagePath('a', 1),
    tree.REPOSITORY_INDEX_PATH,
    'index.html',
    'rooted/1.json',
    `x/${tree.objectPath(digest)}`,
  ];
  for (const path of changing) t.equal(tree.isImmutable(path), false, path);
  t.end();
});
