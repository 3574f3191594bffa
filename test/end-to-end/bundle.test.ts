import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { objectPath } from '../../client/format/tree.ts';
import { runAt } from '../support/clocked.ts';
import { sha256 } from '../support/forge.ts';
import { hostAtOne, type Refused } from '../support/host-at-one.ts';
import { makeHost, makeWorkspace } from '../support/sandbox.ts';
import { ROOT } from '../support/setup.mjs';

/** A host that no wire leads to, and a stick that a person carries there. */

async function publisher(t: Test) {
  const dir = t.testdir();
  const workspace = await makeWorkspace(path.join(dir, 'w'));
  const publish = async (version: string, ...more: string[]): Promise<void> => {
    fs.mkdirSync(path.join(dir, 'ui'), { recursive: true });
    fs.writeFileSync(path.join(dir, 'ui/index.html'), `<p>${version}</p>\n`.repeat(900));
    fs.writeFileSync(path.join(dir, 'qx-node'), `echo ${version}\n`, { mode: 0o755 });
    const what = ['--component', `qx-node=${dir}/qx-node`, '--component', `host-ui=${dir}/ui`];
    const words = ['generate', '--product', 'quantix-os', '--version', version];
    await workspace.ok([...words, ...what, ...more]);
  };
  const host = makeHost(path.join(dir, 'host'), {
    url: `file://${workspace.public}`,
    root: path.join(workspace.public, 'root/1.json'),
  });
  const stick = path.join(dir, 'stick');
  const bundle = (...words: string[]) =>
    workspace.run(['bundle', '--product', 'quantix-os', ...words, '-o', stick]);
  return { dir, workspace, publish, host, stick, bundle };
} // prettier-ignore

const filesIn = (folder: string, below: string): string[] =>
  fs
    .readdirSync(path.join(folder, below), { recursive: true, encoding: 'utf8' })
    .filter((name) => fs.statSync(path.join(folder, below, name)).isFile());

t.test('a stick has one release, and the built client installs it', async (t) => {
  const { workspace, publish, host, stick, bundle, dir } = await publisher(t);
  await publish('1.0.0', '--channel', 'stable');
  t.equal((await host.run(['apply'])).status, 0);
  const sbom = path.join(ROOT, 'test/vectors/attachments/bom.spdx');
  await publish('1.1.0', '--channel', 'stable', '--attach', `sbom=${sbom}`);
  await publish('1.2.0', '--channel', 'dev');
  await workspace.ok(['keygen', 'release-2', '--no-password']);
  await workspace.ok(['root', 'rotate', 'release', 'release', 'release-2']);

  const { status, stdout, stderr } = await bundle('--for', '1.1.0', '--json');
  t.equal(status, 0, stderr);
  t.match(JSON.parse(stdout), {
    folder: stick,
    channels: [{ channel: 'stable', version: '1.1.0' }],
    roots: 2,
    manifests: 1,
    objects: 3,
  });
  t.equal(filesIn(stick, 'manifests').length, 1);
  t.equal(filesIn(stick, 'objects').length, 3, 'the packed folder alone, not both forms');
  t.ok(filesIn(workspace.public, 'objects').length > 6);
  t.same(filesIn(stick, 'channels').sort(), [
    'quantix-os/stable.json',
    'quantix-os/stable.json.minisig',
  ]);
  t.same(
    fs.readdirSync(dir).filter((name) => name.includes('part')),
    [],
  );

  // From now on there is the stick and nothing else.
  fs.renameSync(workspace.public, path.join(dir, 'elsewhere'));
  host.configure({ url: 'https://updates.invalid', auto_apply: true });
  const ran = await host.run(['run', '--from', path.relative(process.cwd(), stick)]);
  t.equal(ran.status, 0, ran.stderr);
  t.match(fs.readFileSync(host.path('/data/bin/qx-node'), 'utf8'), /1\.1\.0/);
  t.equal((await host.run(['verify'])).status, 0);
  const { version } = JSON.parse((await host.run(['trust', 'show', '--json'])).stdout)
    .trusted as { version: number };
  t.equal(version, 2, 'it walked the roots on the way');
  const again = await host.run(['run', '--from', path.relative(process.cwd(), stick)]);
  t.same([again.status, again.stdout], [0, '']);
  const both = await host.run(['run', '--from', 'x', '--url', 'https://x.invalid']);
  t.equal(both.status, 2);
});

t.test('what a host would refuse at its door is refused at home', async (t) => {
  const { workspace, publish, stick, bundle, dir } = await publisher(t);
  await publish('1.0.0', '--channel', 'stable');
  await publish('1.1.0', '--channel', 'beta');
  const refuse = async (status: number, message: RegExp, ...words: string[]) => {
    const before = fs.readdirSync(dir);
    const called = await bundle(...words);
    t.equal(called.status, status, called.stderr);
    t.match(called.stderr, message);
    t.same(fs.readdirSync(dir), before, 'and nothing is left over');
  };
  await refuse(2, /needs --for/);
  await refuse(2, /none names the release[^]*beta at 1\.1\.0, stable at 1\.0\.0[^]*qx-repo point/, '--for', '1.2.0');
  await refuse(2, /none names[^]*stable at 1\.1\.0/, '--for', '1.1.0', '--channel', 'stable');
  fs.mkdirSync(stick);
  fs.writeFileSync(path.join(stick, 'holiday.jpg'), '');
  await refuse(2, /the place of the bundle is taken/, '--for', '1.1.0');
  fs.rmSync(path.join(stick, 'holiday.jpg'));

  const node = objectPath(sha256(Buffer.from('echo 1.1.0\n')));
  const file = path.join(workspace.public, node);
  const bytes = fs.readFileSync(file);
  fs.rmSync(file);
  await refuse(21, /an object is missing/, '--for', '1.1.0');
  fs.writeFileSync(file, Buffer.from(bytes.map((byte) => byte ^ 1)));
  await refuse(21, /not what its name says/, '--for', '1.1.0');
  fs.writeFileSync(file, bytes);
  const pointer = path.join(workspace.public, 'channels/quantix-os/beta.json');
  fs.writeFileSync(pointer, '{"product": "quantix-os", "channel": "beta", "version": "1.1.0"}');
  await refuse(2, /none names the release[^]*stable at 1\.0\.0/, '--for', '1.1.0');
  await workspace.ok(['sign']);
  t.equal((await bundle('--for', '1.1.0')).status, 0);
}); // prettier-ignore

t.test(
  'a pointer may be old on a medium that a person names, and nowhere else',
  async (t) => {
    const all = await hostAtOne(t);
    const { host, forge, publish, runs } = all;
    const OLD = '2098-12-01T00:00:00Z';
    const medium = path.relative(process.cwd(), forge.dir);
    const state = () => host.snapshot('/data/updates/trust');
    const issued = '2097-11-01T00:00:00Z';
    publish({ issued, expires: '2098-04-01T00:00:00Z' });
    const before = state();
    const { status, stderr } = await runAt(host, OLD, ['apply', '--json']);
    t.equal(status, 11, 'the same folder, as the configuration has it');
    t.match((JSON.parse(stderr) as Refused).error, { message: /pointer has expired/ });

    const ancient = Date.parse(issued) + 400 * 86_400_000;
    const late = await runAt(host, ancient, ['apply', '--from', medium]);
    t.equal(late.status, 11);
    t.match(late.stderr, /medium is too old/);
    t.same(state(), before);
    const taken = await runAt(host, ancient - 1000, ['apply', '--from', medium]);
    t.equal(taken.status, 0, taken.stderr);
    t.match(
      taken.stderr,
      /warning: the pointer on this medium is old: issued 2097-11-01/,
    );
    t.equal(runs(), '1.1.0');
    const expired = await runAt(host, '2099-01-02T00:00:00Z', [
      'check',
      '--from',
      medium,
    ]);
    t.match(expired, { status: 11, stderr: /trust root 1 has expired/ });
    const log = fs.readFileSync(host.path('/data/updates/update.log'), 'utf8');
    t.match(log, /pointer on this medium is old/);
  },
);

t.test('an old medium takes no host back, whatever was signed once', async (t) => {
  const { host, forge, publish, runs } = await hostAtOne(t);
  const OLD = '2098-12-01T00:00:00Z';
  const medium = path.relative(process.cwd(), forge.dir);
  const from = (time: string) => runAt(host, time, ['apply', '--from', medium]);
  // A stick of yesterday, to a host that has seen today.
  publish({});
  const yesterday = `${forge.dir}-yesterday`;
  fs.cpSync(forge.dir, yesterday, { recursive: true });
  publish({ message: 'today' });
  t.equal((await from('2098-03-02T00:00:00Z')).status, 0);
  const older = path.relative(process.cwd(), yesterday);
  for (const time of ['2098-03-03T00:00:00Z', OLD]) {
    const { status, stderr } = await runAt(host, time, ['apply', '--from', older]);
    t.equal(status, 22, stderr);
    t.match(stderr, /older pointer than this host has seen/);
  }
  // A step back that was meant for a week in which this host was not asked.
  publish({ version: '1.0.0', rollback: true }, { version: '1.0.0', release: 1 });
  const back = await from(OLD);
  t.equal(back.status, 11, back.stderr);
  t.match(back.stderr, /a step back counts only until its pointer expires/);
  t.equal(runs(), '1.1.0');
  publish({ rollback: false }, { release: 2, min_version: '1.0.0' });
  forge.pointer(forge.read('channels/quantix-os/stable.json'), forge.keys.stranger);
  const forged = await from(OLD);
  t.equal(forged.status, 20, 'and it is checked like any other');
});
