import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import t from 'tap';
import type { Component } from '../../client/format/manifest.ts';
import {
  type Json,
  filesBelow,
  manifestOf,
  newWorkspace,
  ok,
  pointerOf,
  qxRepo,
  readJson,
  smallRelease,
  write,
} from './support.ts';

const sha256 = (bytes: Buffer): string =>
  crypto.createHash('sha256').update(bytes).digest('hex');

function objectOf(workspace: string, digest: string): Buffer {
  return fs.readFileSync(
    path.join(workspace, 'public/objects', digest.slice(0, 2), digest),
  );
}

t.test('a release is stored under its digests, signed, and pointed at', async (t) => {
  const dir = t.testdir();
  const workspace = await newWorkspace(path.join(dir, 'w'));
  const flags = smallRelease(dir, 'one');
  const result = await ok(workspace, [
    'generate',
    '--version',
    '1.0.0',
    '--channel',
    'dev',
    ...flags,
  ]);
  t.match(result, { state: 'published', version: '1.0.0', release: 1, arch: 'x86_64' });
  t.match(result.pointer, { state: 'published', channel: 'dev', version: '1.0.0' });
  const manifest = manifestOf(workspace, result);
  t.same(
    manifest.components.map((component) => [
      component.name,
      component.kind,
      component.install_path,
    ]),
    [
      ['host-ui', 'directory', '/data/share/quantix-host-ui'],
      ['qx-node', 'file', '/data/bin/qx-node'],
    ],
  );
  const node = manifest.components[1] as Component;
  t.match(node, {
    restart_service: 'quantix-node',
    permissions: '0755',
    version: '1.0.0',
  });
  const program = fs.readFileSync(path.join(dir, 'build/qx-node'));
  t.equal(node.content.sha256, sha256(program));
  for (const source of node.sources) {
    const object = objectOf(workspace, source.sha256);
    t.equal(sha256(object), source.sha256);
    t.same(
      source.encoding === 'br' ? zlib.brotliDecompressSync(object) : object,
      program,
    );
  }
  t.same(
    node.sources.map((source) => source.encoding),
    ['br', 'identity'],
  );
  const pointer = pointerOf(workspace, 'dev');
  t.match(pointer, {
    serial: 1,
    version: '1.0.0',
    root: 1,
    issued: '2026-03-01T12:00:00Z',
    expires: '2026-05-30T12:00:00Z',
  });
  t.match(readJson(workspace, 'public/repository.json').products['quantix-os'], {
    channels: ['dev'],
    releases: 1,
    pages: 1,
  });
  t.same(fs.readdirSync(path.join(workspace, '.qx-repo/staging')), []);
});

t.test('the same version with the same contents again is nothing to do', async (t) => {
  const dir = t.testdir();
  const workspace = await newWorkspace(path.join(dir, 'w'));
  const args = [
    'generate',
    '--version',
    '1.0.0',
    '--channel',
    'dev',
    ...smallRelease(dir, 'one'),
  ];
  await ok(workspace, args);
  const before = filesBelow(workspace);
  const later = { now: '2026-03-05T00:00:00Z', env: { SOURCE_DATE_EPOCH: '1772700000' } };
  const again = await ok(workspace, args, later);
  t.match(again, { state: 'unchanged', changes: [] });
  t.match(again.pointer, { state: 'unchanged' });
  t.same(filesBelow(workspace), before);
});

t.test(
  'the same version with other contents is refused with 22 and leaves no trace',
  async (t) => {
    const dir = t.testdir();
    const workspace = await newWorkspace(path.join(dir, 'w'));
    await ok(workspace, [
      'generate',
      '--version',
      '1.0.0',
      '--channel',
      'dev',
      ...smallRelease(dir, 'one'),
    ]);
    const before = filesBelow(path.join(workspace, 'public'));
    const flags = smallRelease(dir, 'two');
    const refused = await qxRepo(workspace, [
      'generate',
      '--version',
      '1.0.0',
      '--channel',
      'dev',
      ...flags,
    ]);
    t.equal(refused.status, 22);
    t.match(refused.stderr, /quantix-os 1\.0\.0 stands with other contents/);
    t.match(refused.stderr, /--bump/);
    t.same(filesBelow(path.join(workspace, 'public')), before);
  },
);

t.test('--bump counts on: patches on a channel, pre-releases on dev', async (t) => {
  const dir = t.testdir();
  const workspace = await newWorkspace(path.join(dir, 'w'));
  await ok(workspace, [
    'generate',
    '--version',
    '1.4.2',
    '--channel',
    'stable',
    ...smallRelease(dir, 'a'),
  ]);
  const versions: [string, string][] = [
    ['dev', '1.4.3-dev.1'],
    ['dev', '1.4.3-dev.2'],
    ['stable', '1.4.3'],
    ['dev', '1.4.4-dev.1'],
  ];
  for (const [channel, expected] of versions) {
    const flags = smallRelease(dir, expected);
    const { version } = await ok(workspace, [
      'generate',
      '--bump',
      '--channel',
      channel,
      ...flags,
    ]);
    t.equal(version, expected);
  }
});

t.test('--carry takes over what is not named, with its own version', async (t) => {
  const dir = t.testdir();
  const workspace = await newWorkspace(path.join(dir, 'w'));
  const first = await ok(workspace, [
    'generate',
    '--version',
    '1.0.0',
    '--channel',
    'dev',
    ...smallRelease(dir, 'a'),
  ]);
  const program = write(path.join(dir, 'new'), 'another program', 0o755);
  const args = [
    'generate',
    '--product',
    'quantix-os',
    '--version',
    '1.1.0',
    '--channel',
    'dev',
    '--carry',
  ];
  const second = await ok(workspace, [...args, '--component', `qx-node=${program}`]);
  const [oldUi] = manifestOf(workspace, first).components;
  const [newUi, node] = manifestOf(workspace, second).components;
  t.same(newUi, oldUi);
  t.match(node, { name: 'qx-node', version: '1.1.0', content: { size: 15 } });
  t.match(second.components, [
    { name: 'host-ui', state: 'carried' },
    { name: 'qx-node', state: 'new' },
  ]);
  const none = await qxRepo(workspace, [
    'generate',
    '--product',
    'quantix-os',
    '--version',
    '2.0.0',
    '--channel',
    'beta',
    '--carry',
  ]);
  t.equal(none.status, 2);
  t.match(none.stderr, /--carry has nothing to take over from/);
});

t.test('a second architecture joins the version and its number', async (t) => {
  const dir = t.testdir();
  const workspace = await newWorkspace(path.join(dir, 'w'));
  const one = [
    'generate',
    '--version',
    '1.0.0',
    '--channel',
    'dev',
    ...smallRelease(dir, 'x'),
  ];
  await ok(workspace, one);
  const joined = await ok(workspace, [...one.slice(0, -2), '--arch', 'aarch64']);
  t.match(joined, { release: 1, arch: 'aarch64', state: 'published' });
  const pointer = pointerOf(workspace, 'dev');
  t.same(Object.keys(pointer.manifests), ['aarch64', 'x86_64']);
  t.equal(pointer.serial, 2);
  const { releases } = readJson(workspace, 'public/products/quantix-os/releases-1.json');
  t.equal(releases.length, 1);
  t.same(releases[0].manifests, pointer.manifests);
});

t.test(
  'the same inputs give the same bytes in another folder, time zone, umask and file order',
  async (t) => {
    const dir = t.testdir();
    const workspace = await newWorkspace(path.join(dir, 'w'));
    const zone = process.env.TZ;
    const mask = process.umask();
    t.teardown(() => {
      process.umask(mask);
      if (zone === undefined) delete process.env.TZ;
      else process.env.TZ = zone;
    });
    fs.cpSync(workspace, path.join(dir, 'elsewhere/other'), { recursive: true });
    await ok(workspace, [
      'generate',
      '--version',
      '1.0.0',
      '--channel',
      'dev',
      ...smallRelease(dir, 'same'),
    ]);

    process.umask(0o077);
    process.env.TZ = 'Pacific/Auckland';
    const other = path.join(dir, 'elsewhere');
    write(path.join(other, 'build/ui/js/app.js'), 'made first', 0o600);
    write(path.join(other, 'build/ui/index.html'), 'made second');
    const flags = smallRelease(other, 'same');
    fs.chmodSync(path.join(other, 'build/ui/index.html'), 0o600);
    const later = { now: '2026-03-20T01:02:03Z' };
    await ok(
      path.join(other, 'other'),
      ['generate', '--version', '1.0.0', '--channel', 'dev', ...flags],
      later,
    );
    t.same(
      filesBelow(path.join(other, 'other/public')),
      filesBelow(path.join(workspace, 'public')),
    );
    t.equal(fs.statSync(path.join(other, 'other/public/objects')).mode & 0o777, 0o755);
  },
);

t.test('what did not change is not compressed again', async (t) => {
  const dir = t.testdir();
  const workspace = await newWorkspace(path.join(dir, 'w'));
  const first = await ok(workspace, [
    'generate',
    '--version',
    '1.0.0',
    ...smallRelease(dir, 'a'),
  ]);
  const second = await ok(workspace, [
    'generate',
    '--version',
    '1.0.1',
    '--fast',
    ...smallRelease(dir, 'a'),
  ]);
  const sources = (result: Json): unknown =>
    manifestOf(workspace, result).components.map((component) => component.sources);
  t.same(sources(second), sources(first));
  t.match(second.components, [{ state: 'same' }, { state: 'same' }]);
});
