import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { parseManifest } from '../../client/format/manifest.ts';
import { parsePointer } from '../../client/format/pointer.ts';
import { needs } from '../support/needs.ts';
import { type Finished, programPath, run } from '../support/process.ts';
import { whereIs } from '../support/programs.mjs';
import { makeWorkspace } from '../support/sandbox.ts';
import { ROOT } from '../support/setup.mjs';

interface Scene {
  dir: string;
  /** Runs a script of the template in the workspace, under busybox's shell and its tools' names. */
  call(script: string, args?: string[], env?: Record<string, string>): Promise<Finished>;
  version(channel: string, product?: string): string;
  put(name: string, text: string): void;
  read(name: string): string;
}

async function makeScene(t: Test): Promise<Scene> {
  const bin = t.testdir({ 'qx-repo': t.fixture('symlink', programPath('qx-repo')) });
  const dir = path.join(bin, 'workspace');
  await makeWorkspace(dir);
  const env = { PATH: `${bin}:${process.env.PATH ?? ''}` };
  const pointer = (channel: string, product: string): Buffer =>
    fs.readFileSync(path.join(dir, `public/channels/${product}/${channel}.json`));
  const put = (name: string, text: string): void => {
    fs.mkdirSync(path.join(dir, path.dirname(name)), { recursive: true });
    fs.writeFileSync(path.join(dir, name), text, { mode: 0o755 });
  };
  put('build/qx-node', 'node 1');
  put('build/qx-console', 'console 1');
  put('build/host-ui/index.html', 'ui 1');
  return {
    dir,
    call: (script, args = [], more = {}) =>
      run(
        whereIs('busybox') ?? 'busybox',
        ['sh', path.join(ROOT, 'repo-template/scripts', script), ...args],
        { cwd: dir, env: { ...env, ...more } },
      ),
    version: (channel, product = 'quantix-os') =>
      parsePointer(pointer(channel, product)).version,
    put,
    read: (name) => fs.readFileSync(path.join(dir, name), 'utf8'),
  };
}

const PUBLISH = 'publish-update.sh';

t.test(
  'the older call counts VERSION on and moves the channel',
  needs('busybox'),
  async (t) => {
    const scene = await makeScene(t);
    const first = await scene.call(PUBLISH);
    t.equal(first.status, 0, first.stderr);
    t.match(first.stderr, 'QX_DESTINATION is not set');
    t.equal(scene.version('dev'), '0.0.1');
    t.equal(scene.read('VERSION'), '0.0.1\n');
    scene.put('VERSION', '1.4.9\n');
    scene.put('build/qx-node', 'node 2');
    t.equal((await scene.call(PUBLISH, ['--channel', 'beta'])).status, 0);
    t.equal(scene.version('beta'), '1.4.10');
    t.equal(scene.read('VERSION'), '1.4.10\n');
    t.equal((await scene.call(PUBLISH, ['--no-bump'], { CHANNEL: 'stable' })).status, 0);
    t.equal(scene.version('stable'), '1.4.10');
    t.equal(scene.read('VERSION'), '1.4.10\n');
  },
);

t.test('a version that is named leaves VERSION alone', needs('busybox'), async (t) => {
  const scene = await makeScene(t);
  t.equal((await scene.call(PUBLISH, ['--version', '2.0.0'])).status, 0);
  t.equal(scene.version('dev'), '2.0.0');
  scene.put('build/qx-node', 'node 2');
  t.equal((await scene.call(PUBLISH, [], { VERSION: '2.0.1' })).status, 0);
  t.equal(scene.version('dev'), '2.0.1');
  t.notOk(fs.existsSync(path.join(scene.dir, 'VERSION')));
  scene.put('build/qx-node', 'node 3');
  const taken = await scene.call(PUBLISH, ['--version', '2.0.1']);
  t.equal(taken.status, 22, 'other contents under the same version');
  scene.put('VERSION', '2.0.0\n');
  t.equal((await scene.call(PUBLISH)).status, 22);
  t.equal(scene.read('VERSION'), '2.0.0\n', 'a refused release uses no number up');
});

t.test(
  'one component is published, the others are carried over',
  needs('busybox'),
  async (t) => {
    const scene = await makeScene(t);
    await scene.call(PUBLISH);
    scene.put('build/qx-node', 'node 2');
    scene.put('elsewhere', 'console 2');
    const args = ['--component', 'qx-node', '--component', 'qx-console=elsewhere'];
    t.equal((await scene.call(PUBLISH, args)).status, 0);
    const pointer = parsePointer(
      fs.readFileSync(path.join(scene.dir, 'public/channels/quantix-os/dev.json')),
    );
    const { sha256 } = Object.values(pointer.manifests)[0] as { sha256: string };
    const manifest = parseManifest(
      Buffer.from(scene.read(`public/manifests/${sha256}.json`)),
    );
    t.same(manifest.components.map(({ name, version }) => `${name} ${version}`).sort(), [
      'host-ui 0.0.1',
      'qx-console 0.0.2',
      'qx-node 0.0.2',
    ]);
    const missing = await scene.call(PUBLISH, ['--component', 'nothing']);
    t.match(missing, { status: 2, stderr: 'there is no build/nothing' });
    const empty = await scene.call(PUBLISH, [], { BUILD_DIR: 'nowhere' });
    t.match(empty, { status: 2, stderr: 'nothing is built' });
  },
);

t.test(
  'flags without a meaning say what takes their place, and it goes on',
  needs('busybox'),
  async (t) => {
    const scene = await makeScene(t);
    const args = [
      '--server',
      'http://192.168.0.1:9000',
      '--token',
      's3cret',
      '--no-cache',
    ];
    const { status, stdout, stderr } = await scene.call(PUBLISH, args);
    t.equal(status, 0, stderr);
    for (const said of [
      '--server has no meaning',
      '--token has no meaning',
      '--no-cache has no meaning',
    ])
      t.match(stderr, said);
    t.notMatch(stdout + stderr, 's3cret');
    t.equal(scene.version('dev'), '0.0.1');
    for (const wrong of [['--bogus'], ['--channel'], ['beta']])
      t.match(await scene.call(PUBLISH, wrong), { status: 2, stderr: 'usage:' });
    t.match(await scene.call(PUBLISH, ['--help']), { status: 0, stdout: 'usage:' });
    for (const odd of ['1.4', 'x.y.z', '1.4.2-dev.1', '']) {
      scene.put('VERSION', odd);
      const refused = await scene.call(PUBLISH);
      t.match(refused, { status: 2, stderr: 'does not hold a version' }, odd);
    }
  },
);

t.test('a dry run writes nothing', needs('busybox'), async (t) => {
  const scene = await makeScene(t);
  const { status } = await scene.call(PUBLISH, ['--dry-run'], {
    QX_DESTINATION: 'served',
  });
  t.equal(status, 0);
  for (const name of ['VERSION', 'served', 'public/channels'])
    t.notOk(fs.existsSync(path.join(scene.dir, name)), name);
});

t.test('with a destination the tree is sent there', needs('busybox'), async (t) => {
  const scene = await makeScene(t);
  const env = { QX_PUBLISH: 'copy', QX_DESTINATION: '../served', QX_URL: '../served' };
  fs.mkdirSync(path.join(scene.dir, '../served'));
  const { status, stderr } = await scene.call(PUBLISH, [], env);
  t.equal(status, 0, stderr);
  t.ok(fs.existsSync(path.join(scene.dir, '../served/channels/quantix-os/dev.json')));
  scene.put('build/qx-node', 'node 2');
  const failing = await scene.call(PUBLISH, [], { ...env, QX_URL: 'file:///nowhere' });
  t.not(failing.status, 0);
  t.match(failing.stderr, 'the same again with --no-bump');
  const again = await scene.call(PUBLISH, ['--no-bump'], env);
  t.equal(again.status, 0, again.stderr);
  t.equal(scene.read('VERSION'), '0.0.2\n');
});

t.test(
  'the control plane has a script and a VERSION of its own',
  needs('busybox'),
  async (t) => {
    const scene = await makeScene(t);
    for (const name of ['controlplane', 'dashboard/index.html', 'migrations/1.sql'])
      scene.put(`build/${name}`, name);
    scene.put('VERSION', '1.0.0\n');
    scene.put('quantix-vdc/VERSION', '3.0.0\n');
    const { status, stderr } = await scene.call('publish-vdc-update.sh', [
      '--channel',
      'stable',
    ]);
    t.equal(status, 0, stderr);
    t.equal(scene.version('stable', 'quantix-vdc'), '3.0.1');
    t.equal(scene.read('quantix-vdc/VERSION'), '3.0.1\n');
    t.equal(scene.read('VERSION'), '1.0.0\n');
  },
);

t.test(
  'generate-manifest.sh signs what a staging folder holds',
  needs('busybox'),
  async (t) => {
    const scene = await makeScene(t);
    const pack = (name: string, ...files: string[]): Promise<Finished> =>
      run('tar', ['-czf', `staging/${name}.tar.gz`, ...files], { cwd: scene.dir });
    fs.mkdirSync(path.join(scene.dir, 'staging'));
    fs.renameSync(
      path.join(scene.dir, 'build/qx-node'),
      path.join(scene.dir, 'build/limiquantix-node'),
    );
    await pack('qx-node', '-C', 'build', 'limiquantix-node');
    await pack('host-ui', '-C', 'build/host-ui', '.');
    fs.copyFileSync(
      path.join(scene.dir, 'build/qx-console'),
      path.join(scene.dir, 'staging/qx-console'),
    );
    const env = { VERSION: '1.2.3', CHANNEL: 'beta' };
    const { status, stdout, stderr } = await scene.call(
      'generate-manifest.sh',
      ['staging'],
      env,
    );
    t.equal(status, 0, stderr);
    const { version, components } = parseManifest(Buffer.from(stdout));
    t.equal(version, '1.2.3');
    t.same(components.map(({ name, kind }) => `${name} ${kind}`).sort(), [
      'host-ui directory',
      'qx-console file',
      'qx-node file',
    ]);
    t.match(stderr, 'point quantix-os beta VERSION');
    t.notOk(fs.existsSync(path.join(scene.dir, 'public/channels')), 'no channel moves');
    t.match(await scene.call('generate-manifest.sh', ['build/host-ui']), {
      status: 2,
      stderr: 'has none of',
    });
    t.equal((await scene.call('generate-manifest.sh', ['a', 'b'])).status, 2);
  },
);
