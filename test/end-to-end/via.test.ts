import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { parsePointer, type Pointer } from '../../client/format/pointer.ts';
import { pointerPath } from '../../client/format/tree.ts';
import { makeHost, makeWorkspace } from '../support/sandbox.ts';

t.test('a host that is too old for a release takes the one in between first', async (t) => {
  const dir = t.testdir();
  const workspace = await makeWorkspace(path.join(dir, 'w'));
  const publish = async (version: string, ...more: string[]): Promise<void> => {
    fs.writeFileSync(`${dir}/qx-node`, `echo ${version}\n`, { mode: 0o755 });
    const what = ['--product', 'quantix-os', '--component', `qx-node=${dir}/qx-node`];
    await workspace.ok(['generate', '--version', version, ...what, ...more]);
  };
  const host = makeHost(path.join(dir, 'host'), {
    url: `file://${workspace.public}`,
    root: path.join(workspace.public, 'root/1.json'),
  });
  const runs = (): string => fs.readFileSync(host.path('/data/bin/qx-node'), 'utf8').trim();
  await publish('1.0.0', '--channel', 'stable');
  t.equal((await host.run(['apply'])).status, 0);
  await publish('1.5.0');
  await publish('2.0.0', '--min-version', '1.5.0');

  const point = ['point', 'quantix-os', 'stable', '2.0.0'];
  await workspace.ok(point);
  const lint = await workspace.run(['lint']);
  t.equal(lint.status, 78);
  t.match(lint.stdout, /never get to this release[^]*min_version 1\.5\.0[^]*none from 1\.0\.0/);
  const shut = await host.run(['apply']);
  t.equal(shut.status, 25);
  t.match(shut.stderr, /needs a newer version[^]*1\.5\.0 or later/);

  for (const mixed of [['none', '1.5.0=<1.5.0'], ['1.5.0=<1.5.0', 'none']])
    t.equal((await workspace.run([...point, ...mixed.flatMap((each) => ['--via', each])])).status, 2);
  for (const [via, status] of [['1.4.0=<1.5.0', 2], ['1.5.0=below', 23], ['1.5.0', 2]] as const) {
    const refused = await workspace.run([...point, '--via', via]);
    t.equal(refused.status, status, refused.stderr);
  }
  await workspace.ok([...point, '--via', '1.5.0=<1.5.0']);
  t.equal((await workspace.run(['lint'])).status, 0);
  t.equal((await workspace.run(['verify'])).status, 0);

  const check = await host.run(['check', '--json']);
  t.match(JSON.parse(check.stdout), { version: '1.5.0', onTheWayTo: '2.0.0' });
  const first = await host.run(['apply']);
  t.match(first.stdout, /installed quantix-os 1\.5\.0[^]*a step on the way to 2\.0\.0/);
  t.equal(runs(), 'echo 1.5.0');
  const status = await host.run(['status', '--json']);
  t.match(JSON.parse(status.stdout), { status: 'available', availableVersion: '2.0.0' }, 'there is more to come');
  const second = await host.run(['apply']);
  t.match(second.stdout, /installed quantix-os 2\.0\.0/);
  t.notMatch(second.stdout, /on the way/);
  t.equal(runs(), 'echo 2.0.0');
  t.match((await host.run(['check'])).stdout, /up to date: 2\.0\.0/);

  const stick = path.join(dir, 'stick');
  await workspace.ok(['bundle', '--for', '2.0.0', '--product', 'quantix-os', '-o', stick]);
  t.equal(fs.readdirSync(path.join(stick, 'manifests')).length, 2, 'a stick has the stone too');

  const pointer = (): Pointer =>
    parsePointer(fs.readFileSync(path.join(workspace.public, pointerPath('quantix-os', 'stable'))));
  const { serial } = pointer();
  await workspace.ok([...point, '--via', 'none']);
  t.match(pointer(), { serial: serial + 1, via: undefined }, 'stones are taken out again');
  t.match((await workspace.ok([...point, '--via', 'none'])).stdout, /is at 2\.0\.0 already/);
  t.equal(pointer().serial, serial + 1, 'and of none there, none is taken');
  t.equal((await workspace.run(['lint'])).status, 78, 'who needs them is stranded again');
}); // prettier-ignore
