import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import {
  filesBelow,
  manifestOf,
  newWorkspace,
  ok,
  qxRepo,
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

t.test(
  'release.toml says it all; its paths are its own; patterns choose files',
  async (t) => {
    const dir = t.testdir({
      release: {
        agent: 'agent',
        site: { 'index.html': 'hello', 'app.js.map': '{}' },
        'NOTES.md': 'better\n',
        'release.toml': `product = "appliance"
version = "2.0.0"
arch = "riscv64"
notes_file = "NOTES.md"
min_version = "1.0.0"
[[dependencies]]
product = "quantix-vdc"
min_version = "1.2.0"
[components.agent]
path = "agent"
install_path = "/opt/agent"
restart_service = "agent"
permissions = "0750"
[components.site]
path = "site"
files = ["**", "!**/*.map"]
install_path = "/srv/site"
version = "7.0.0"
`,
      },
    });
    const workspace = await newWorkspace(path.join(dir, 'w'));
    const result = await ok(workspace, [
      'generate',
      '--from',
      '../release/release.toml',
      '--channel',
      'beta',
    ]);
    const manifest = manifestOf(workspace, result);
    t.match(manifest, {
      product: 'appliance',
      arch: 'riscv64',
      release_notes: 'better\n',
      min_version: '1.0.0',
      dependencies: [{ product: 'quantix-vdc', min_version: '1.2.0' }],
      components: [
        {
          name: 'agent',
          permissions: '0750',
          restart_service: 'agent',
          version: '2.0.0',
        },
        { name: 'site', kind: 'directory', version: '7.0.0' },
      ],
    });
    const [, site] = manifest.components;
    const archive = objectOf(workspace, site?.content.sha256 ?? '').toString('latin1');
    t.match(archive, /index\.html/);
    t.notMatch(archive, /app\.js\.map/);
  },
);

t.test('an object that somebody lost comes back', async (t) => {
  const dir = t.testdir();
  const workspace = await newWorkspace(path.join(dir, 'w'));
  const args = [
    'generate',
    '--version',
    '1.0.0',
    '--channel',
    'dev',
    ...smallRelease(dir, 'a'),
  ];
  await ok(workspace, args);
  const before = filesBelow(path.join(workspace, 'public'));
  fs.rmSync(path.join(workspace, 'public/objects'), { recursive: true });
  await ok(workspace, args);
  t.same(filesBelow(path.join(workspace, 'public')), before);
});

t.test(
  'an object with other bytes than its name says is refused, not written over',
  async (t) => {
    const dir = t.testdir();
    const workspace = await newWorkspace(path.join(dir, 'w'));
    const digest = sha256(Buffer.from('content'));
    const object = write(
      path.join(workspace, 'public/objects', digest.slice(0, 2), digest),
      'CONTENT',
    );
    const program = write(path.join(dir, 'program'), 'content');
    const args = [
      'generate',
      '--product',
      'quantix-os',
      '--version',
      '1.0.0',
      '--component',
      `qx-node=${program}`,
    ];
    const refused = await qxRepo(workspace, args);
    t.equal(refused.status, 21);
    t.match(refused.stderr, new RegExp(digest));
    t.equal(fs.readFileSync(object, 'utf8'), 'CONTENT');
  },
);

t.test('--dry-run shows the release and writes nothing', async (t) => {
  const dir = t.testdir();
  const workspace = await newWorkspace(path.join(dir, 'w'));
  const before = filesBelow(workspace);
  const args = [
    'generate',
    '--version',
    '1.0.0',
    '--channel',
    'dev',
    '--dry-run',
    ...smallRelease(dir, 'a'),
  ];
  const result = await ok(workspace, args);
  t.match(result, { dryRun: true, state: 'published', pointer: { version: '1.0.0' } });
  t.ok(
    (result.changes as { path: string }[]).some(
      (change) => change.path === 'channels/quantix-os/dev.json',
    ),
  );
  t.same(filesBelow(workspace), before);
  const { stdout } = await qxRepo(workspace, args);
  t.match(stdout, /^would be: quantix-os 1\.0\.0 \(release 1, \w+\) published: /m);
  t.match(stdout, /^would be: quantix-os\/dev is at 1\.0\.0 now\n$/m);
});

t.test('a link to what was built counts as what it leads to', async (t) => {
  const dir = t.testdir({ 'qx-node-1': 'x' });
  const workspace = await newWorkspace(path.join(dir, 'w'));
  fs.symlinkSync('qx-node-1', path.join(dir, 'latest'));
  const args = [
    'generate',
    '--product',
    'quantix-os',
    '--version',
    '1.0.0',
    '--component',
    '../latest'.replace(/^/, 'qx-node='),
  ];
  t.match(await ok(workspace, args), { components: [{ name: 'qx-node', size: 1 }] });
});

t.test('two components with the same bytes share one object', async (t) => {
  const dir = t.testdir({ file: 'the same bytes' });
  const workspace = await newWorkspace(path.join(dir, 'w'));
  const twice = ['--component', 'qx-node=../file', '--component', 'qx-console=../file'];
  const result = await ok(workspace, [
    'generate',
    '--product',
    'quantix-os',
    '--version',
    '1.0.0',
    ...twice,
  ]);
  const [a, b] = manifestOf(workspace, result).components;
  t.same(a?.content, b?.content);
});

t.test(
  'a workspace that knows nothing of a product numbers it only with --first',
  async (t) => {
    const dir = t.testdir();
    const workspace = await newWorkspace(path.join(dir, 'w'));
    fs.rmSync(path.join(workspace, 'serials.json'));
    const args = [
      'generate',
      '--version',
      '1.0.0',
      '--channel',
      'dev',
      ...smallRelease(dir, 'a'),
    ];
    const refused = await qxRepo(workspace, args);
    t.equal(refused.status, 22);
    t.match(refused.stderr, /--first/);
    t.match(await ok(workspace, [...args, '--first']), {
      release: 1,
      pointer: { state: 'published' },
    });
  },
);
