import path from 'node:path';
import t from 'tap';
import { parseManifest } from '../../client/format/manifest.ts';
import { diffReleases } from '../../generator/diff/diff.ts';
import { accepted } from '../support/documents.ts';
import { newWorkspace, ok, qxRepo, smallRelease, write } from './support.ts';

t.test('what a host downloads is what the objects in the tree weigh', async (t) => {
  const workspace = await newWorkspace(path.join(t.testdir(), 'workspace'));
  const one = smallRelease(path.join(t.testdirName, 'one'), 'the same');
  const two = smallRelease(path.join(t.testdirName, 'two'), 'the same');
  write(path.join(t.testdirName, 'two/build/ui/index.html'), '<h1>another page</h1>');
  await ok(workspace, ['generate', '--version', '1.0.0', ...one]);
  await ok(workspace, ['generate', '--version', '1.1.0', ...two]);

  const result = await ok(workspace, ['diff', 'quantix-os', '1.0.0', '1.1.0']);
  t.match(result, { product: 'quantix-os', from: '1.0.0', to: '1.1.0', arch: 'x86_64' });
  const [ui, node] = result.components;
  t.match(ui, { name: 'host-ui', change: 'changed', settings: [] });
  t.match(node, { name: 'qx-node', change: 'unchanged', downloadBytes: 0 });
  t.equal(result.downloadBytes, ui.downloadBytes);
  t.ok(ui.downloadBytes > 0 && ui.downloadBytes < result.fullBytes);

  const text = await qxRepo(workspace, ['diff', 'quantix-os', '1.0.0', '1.1.0']);
  t.match(text.stdout, /qx-node .* - +unchanged/);
  t.match(text.stdout, /a host on 1\.0\.0 downloads/);
  const same = await ok(workspace, ['diff', 'quantix-os', '1.1.0', '1.1.0']);
  t.equal(same.downloadBytes, 0);
});

t.test('releases, architectures and workspaces that are not there', async (t) => {
  const workspace = await newWorkspace(path.join(t.testdir(), 'workspace'));
  await ok(workspace, [
    'generate',
    '--version',
    '1.0.0',
    ...smallRelease(t.testdirName, 'x'),
  ]);
  const rows: [args: string[], status: number][] = [
    [['quantix-os', '1.0.0', '9.0.0'], 2],
    [['quantix-os', '1.0.0', '1.0.0', '--arch', 'riscv64'], 2],
    [['quantix-os', '1.0.0'], 2],
  ];
  for (const [args, status] of rows)
    t.equal((await qxRepo(workspace, ['diff', ...args])).status, status, args.join(' '));
  t.equal((await qxRepo(t.testdirName, ['diff', 'a', '1.0.0', '1.0.1'])).status, 78);
});

t.test('added, removed, moved, renamed', async (t) => {
  const [component] = parseManifest(accepted('manifest-component')).components;
  if (component === undefined) throw new Error('the vector has no component');
  const base = parseManifest(accepted('manifest-component'));
  const other = { sha256: 'b'.repeat(64), size: 1000 };
  const source = { type: 'full', encoding: 'identity', ...other };
  const added = {
    ...component,
    name: 'added',
    install_path: '/x',
    content: other,
    sources: [source],
  };

  const grown = diffReleases(
    { ...base, components: [component] },
    { ...base, components: [component, added] },
  );
  t.match(grown.components[1], { change: 'added', before: null, downloadBytes: 1000 });
  t.equal(grown.downloadBytes, 1000);

  const shrunk = diffReleases(
    { ...base, components: [component, added] },
    { ...base, components: [added] },
  );
  t.match(shrunk.components[1], { name: component.name, change: 'removed', after: null });
  t.equal(shrunk.downloadBytes, 0);

  const moved = diffReleases(
    { ...base, components: [component] },
    { ...base, components: [{ ...component, install_path: '/elsewhere', order: 77 }] },
  );
  t.match(moved.components[0], {
    change: 'unchanged',
    settings: ['install_path', 'order'],
  });

  const renamed = diffReleases(
    { ...base, components: [component] },
    { ...base, components: [{ ...component, name: 'renamed' }] },
  );
  t.equal(renamed.downloadBytes, 0, 'the content is on the host under another name');

  const twice = diffReleases(
    { ...base, components: [component] },
    { ...base, components: [added, { ...added, name: 'twin', install_path: '/y' }] },
  );
  t.equal(twice.downloadBytes, 1000, 'one object is fetched once');
});
