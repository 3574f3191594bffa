import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import {
  filesBelow,
  manifestOf,
  newWorkspace,
  NOW,
  ok,
  qxRepo,
  readJson,
  write,
} from './support.ts';

t.test('init makes keys, a configuration and root 1 that they signed', async (t) => {
  const dir = t.testdir();
  const workspace = await newWorkspace(path.join(dir, 'w'));
  const root = readJson(workspace, 'public/root/1.json');
  t.match(root, {
    type: 'root',
    repository: 'test',
    version: 1,
    expires: '2029-02-28T12:00:00Z',
  });
  t.same(Object.keys(root.roles as object), ['channel', 'release', 'root']);
  const shown = await ok(workspace, ['root', 'show']);
  t.match(shown, { repository: 'test', version: 1, keys: root.keys, roles: root.roles });
  for (const name of ['root', 'release', 'channel']) {
    t.equal(fs.statSync(path.join(workspace, `keys/${name}.key`)).mode & 0o777, 0o600);
    t.ok(fs.existsSync(path.join(workspace, `keys/${name}.pub`)));
  }
  t.match(fs.readFileSync(path.join(workspace, '.gitignore'), 'utf8'), /^\/keys\/$/m);
  t.equal(fs.readdirSync(path.join(workspace, 'public/schema')).length, 5);
});

t.test('the configuration knows the components of both products', async (t) => {
  const dir = t.testdir({ file: 'x', folder: { file: 'x' } });
  const workspace = await newWorkspace(path.join(dir, 'w'));
  const products: Record<
    string,
    [name: string, kind: 'file' | 'folder', path: string, service?: string][]
  > = {
    'quantix-os': [
      ['qx-node', 'file', '/data/bin/qx-node', 'quantix-node'],
      ['qx-console', 'file', '/data/bin/qx-console', 'quantix-console'],
      ['host-ui', 'folder', '/data/share/quantix-host-ui'],
    ],
    'quantix-vdc': [
      ['controlplane', 'file', '/usr/bin/qx-controlplane', 'quantix-controlplane'],
      ['dashboard', 'folder', '/usr/share/quantix-vdc/dashboard'],
      ['migrations', 'folder', '/usr/share/quantix-vdc/migrations'],
    ],
  };
  for (const [product, components] of Object.entries(products)) {
    const flags = components.flatMap(([name, kind]) => [
      '--component',
      `${name}=${dir}/${kind}`,
    ]);
    const args = ['generate', '--product', product, '--version', '1.0.0', ...flags];
    const result = await ok(workspace, args);
    const manifest = manifestOf(workspace, result);
    for (const [name, kind, installPath, service] of components) {
      const found = manifest.components.find((component) => component.name === name);
      t.equal(found?.install_path, installPath);
      t.equal(found?.kind, kind === 'file' ? 'file' : 'directory');
      t.equal(found?.restart_service, service);
    }
  }
});

t.test('init again changes nothing, and completes what is missing', async (t) => {
  const dir = t.testdir();
  const workspace = await newWorkspace(path.join(dir, 'w'));
  const before = filesBelow(workspace);
  await ok(workspace, ['init'], { now: '2026-04-01T00:00:00Z' });
  t.same(filesBelow(workspace), before);
  fs.rmSync(path.join(workspace, 'public'), { recursive: true });
  await ok(workspace, ['init', '--issued', NOW], { now: '2026-03-02T00:00:00Z' });
  t.same(filesBelow(workspace), before);
});

t.test(
  'init refuses a workspace of another repository, and names that are none',
  async (t) => {
    const dir = t.testdir();
    const workspace = await newWorkspace(path.join(dir, 'w'));
    const other = await qxRepo(workspace, ['init', '--repository', 'other']);
    t.equal(other.status, 78);
    t.match(other.stderr, /expected {2}other\n {2}found {5}test/);
    t.equal((await qxRepo(dir, ['init', 'x', '--repository', 'Über'])).status, 23);
    t.equal((await qxRepo(dir, ['init', 'x'])).status, 2);
    t.notOk(fs.existsSync(path.join(dir, 'x')));
  },
);

t.test('--no-keys waits for the keys of others', async (t) => {
  const dir = t.testdir();
  const workspace = path.join(dir, 'w');
  const first = await ok(dir, ['init', 'w', '--repository', 'test', '--no-keys']);
  t.equal(first.root, null);
  t.notOk(fs.existsSync(path.join(workspace, 'keys')));
  const early = await qxRepo(workspace, ['point', 'a', 'b', '1.0.0']);
  t.equal(early.status, 78);
  t.match(early.stderr, /no trust root yet/);
  for (const name of ['root', 'release', 'channel'])
    await ok(workspace, ['keygen', name, '--no-password']);
  fs.rmSync(path.join(workspace, 'keys/release.key'));
  const second = await ok(workspace, ['init', '--no-keys']);
  t.equal(second.root, path.join(workspace, 'public/root/1.json'));
});

t.test('a key is never written over', async (t) => {
  const dir = t.testdir();
  const workspace = await newWorkspace(path.join(dir, 'w'));
  const before = filesBelow(path.join(workspace, 'keys'));
  const refused = await qxRepo(workspace, ['keygen', 'release', '--no-password']);
  t.equal(refused.status, 78);
  t.match(refused.stderr, /keys\/release\.key/);
  t.same(filesBelow(path.join(workspace, 'keys')), before);
  t.equal(
    (await qxRepo(workspace, ['keygen', '../outside', '--no-password'])).status,
    23,
  );
});

t.test(
  'without a password and without anybody to ask, init says what to do',
  async (t) => {
    const dir = t.testdir();
    const refused = await qxRepo(dir, ['init', 'w', '--repository', 'test']);
    t.equal(refused.status, 78);
    t.match(refused.stderr, /QX_REPO_SECRET_KEY_PASSWORD.*--no-password/);
    await ok(dir, ['init', 'w', '--repository', 'test', '--no-password']);
  },
);

t.test('--dry-run of init and keygen writes nothing', async (t) => {
  const dir = t.testdir({ template: { hosting: { 'nginx.conf': 'x' } } });
  const options = { templates: [path.join(dir, 'template')] };
  const shown = await ok(
    dir,
    ['init', 'w', '--repository', 'test', '--dry-run'],
    options,
  );
  t.same(shown.files, [
    'quantix-repo.toml',
    '.gitignore',
    'serials.json',
    'hosting/nginx.conf',
  ]);
  t.notOk(fs.existsSync(path.join(dir, 'w')));
  await ok(dir, ['keygen', 'x', '--dry-run']);
  t.notOk(fs.existsSync(path.join(dir, 'keys')));
});

t.test('the template is copied, and what a person changed in it stays', async (t) => {
  const dir = t.testdir({
    template: { public: { 'index.html': 'page' }, 'README.md': 'read' },
  });
  write(path.join(dir, 'template/bin/publish.sh'), '#!/bin/sh\n', 0o755);
  write(path.join(dir, 'w/README.md'), 'mine');
  const workspace = await newWorkspace(path.join(dir, 'w'), {
    templates: [path.join(dir, 'nowhere'), path.join(dir, 'template')],
  });
  t.equal(fs.readFileSync(path.join(workspace, 'public/index.html'), 'utf8'), 'page');
  t.equal(fs.readFileSync(path.join(workspace, 'README.md'), 'utf8'), 'mine');
  t.equal(fs.statSync(path.join(workspace, 'bin/publish.sh')).mode & 0o777, 0o755);
});

t.test('no secret is in the tree or in what is printed', async (t) => {
  const dir = t.testdir();
  const called = await qxRepo(dir, [
    'init',
    'w',
    '--repository',
    'test',
    '--no-password',
    '--verbose',
  ]);
  t.equal(called.status, 0);
  const secret = fs
    .readFileSync(path.join(dir, 'w/keys/root.key'), 'utf8')
    .split('\n')[1] as string;
  t.notMatch(called.stdout + called.stderr, secret);
  for (const content of Object.values(filesBelow(path.join(dir, 'w/public')))) {
    t.notMatch(Buffer.from(content, 'base64').toString('latin1'), secret);
  }
});
