import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { needs } from '../support/needs.ts';
import { makeHost, makeWorkspace, publishNode } from '../support/sandbox.ts';

/** "name{labels}" → value. */
function read(text: string): Record<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice('qx_update_'.length, at), Number(line.slice(at + 1))];
    }),
  );
}

t.test('what monitoring sees of a host', needs('promtool'), async (t) => {
  const dir = t.testdir();
  const workspace = await makeWorkspace(path.join(dir, 'updates'));
  await publishNode(workspace, '1.0.0');
  const host = makeHost(path.join(dir, 'host'), {
    url: `file://${workspace.public}`,
    root: path.join(workspace.public, 'root/1.json'),
  });
  const metrics = async (): Promise<Record<string, number>> => {
    const { stdout, stderr, status } = await host.run(['metrics']);
    t.equal(status, 0, stderr);
    const checked = spawnSync('promtool', ['check', 'metrics'], {
      input: stdout,
      encoding: 'utf8',
    });
    t.equal(checked.status, 0, `${checked.stdout}${checked.stderr}`);
    t.equal(checked.stderr, '', 'and by convention');
    return read(stdout);
  };

  const fresh = await metrics();
  t.notOk('last_check_timestamp_seconds' in fresh, 'nothing is made up');
  t.match(fresh, { last_exit_code: 0, available: 0, reboot_pending: 0 });

  await host.run(['check']);
  t.match(await metrics(), { available: 1, last_check_success: 1 });

  const before = Date.now() / 1000 - 1;
  await host.run(['apply']);
  const after = await metrics();
  t.match(after, {
    'release_info{product="quantix-os",channel="stable",version="1.0.0"}': 1,
    available: 0,
    last_check_success: 1,
    expiry_warnings: 0,
    held: 0,
  });
  t.ok((after.last_check_timestamp_seconds ?? 0) > before);
  t.ok((after.release_installed_timestamp_seconds ?? 0) > before);
  const day = 86_400;
  const life = (after.pointer_expires_timestamp_seconds ?? 0) - before;
  t.ok(life > 89 * day && life < 91 * day, '90 days of a pointer');
  t.ok((after.root_expires_timestamp_seconds ?? 0) > before + 1000 * day);

  await host.run(['hold']);
  fs.writeFileSync(path.join(workspace.public, 'channels/quantix-os/stable.json'), '{}');
  t.equal((await host.run(['check'])).status, 20);
  t.match(await metrics(), { held: 1, last_check_success: 0, last_exit_code: 20 });

  const { stdout } = await host.run(['metrics', '--output', '/quantix/qx-update.prom']);
  t.equal(stdout, '');
  t.same(
    fs.readdirSync(host.path('/quantix')).filter((name) => /prom/.test(name)),
    ['qx-update.prom'],
  );
  const file = fs.readFileSync(host.path('/quantix/qx-update.prom'), 'utf8');
  t.match(read(file), { held: 1, last_exit_code: 20 });
});
