import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { needs } from '../support/needs.ts';
import { makeStockKey, stockSign } from '../support/minisign.ts';
import { qxRepo } from '../support/process.ts';
import { makeHost, makeWorkspace, type Workspace } from '../support/sandbox.ts';

interface Step {
  state: string;
  path: string;
}

async function step(workspace: Workspace, args: string[]): Promise<Step> {
  return JSON.parse((await workspace.ok(['root', ...args, '--json'])).stdout) as Step;
}

async function publish(workspace: Workspace, version: string): Promise<void> {
  const program = path.join(workspace.dir, 'program');
  fs.writeFileSync(program, `#!/bin/sh\necho ${version}\n`, { mode: 0o755 });
  const args = ['--product', 'quantix-os', '--version', version, '--channel', 'stable'];
  await workspace.ok(['generate', ...args, '--component', `qx-node=${program}`]);
}

function handOver(workspace: Workspace, name: string, desk: string): string {
  fs.mkdirSync(desk, { recursive: true });
  const file = path.join(desk, `${name}.key`);
  fs.renameSync(path.join(workspace.dir, `keys/${name}.key`), file);
  return file;
}

t.test(
  'two of three people rotate a root key, each with a key of their own, and hosts follow',
  needs('minisign'),
  async (t) => {
    const dir = t.testdir();
    const ours = await makeWorkspace(path.join(dir, 'ours'));
    const host = makeHost(path.join(dir, 'host'), {
      url: `file://${ours.public}`,
      root: path.join(ours.public, 'root/1.json'),
    });
    await publish(ours, '1.0.0');
    t.equal((await host.run(['apply'])).status, 0);

    const desk = path.join(dir, 'colleague');
    await ours.ok(['keygen', 'root-2', '--no-password']);
    const theirs = handOver(ours, 'root-2', desk);
    const third = await makeStockKey(path.join(dir, 'third'), 'third');
    await ours.ok(['root', 'add-key', 'root', 'root-2', third.publicKey, '--draft']);
    const asked = await step(ours, ['set-threshold', 'root', '2']);
    t.equal(asked.state, 'pending');
    fs.copyFileSync(asked.path, path.join(desk, 'request.json'));
    fs.copyFileSync(path.join(ours.public, 'root/1.json'), path.join(desk, '1.json'));
    const cosign = [
      'root',
      'cosign',
      'request.json',
      '--root',
      '1.json',
      '--key',
      theirs,
    ];
    const said = await qxRepo(cosign, { cwd: desk });
    t.match(said, { status: 0, stderr: /threshold {3}root: 1 → 2/ });
    await ours.ok(['sign', '--add', path.join(desk, 'request.json.minisig')]);
    t.ok(fs.existsSync(path.join(ours.public, 'root/2.json')));

    await ours.ok(['keygen', 'root-4', '--no-password']);
    fs.renameSync(path.join(ours.dir, 'keys/root.key'), path.join(dir, 'lost.key'));
    const rotated = await step(ours, ['rotate', 'root', 'root', 'root-4']);
    t.equal(rotated.state, 'pending', 'the new key alone is not enough');
    const answer = path.join(dir, 'third.minisig');
    await stockSign(rotated.path, third.secretKey, { signature: answer });
    await ours.ok(['sign', '--add', answer]);
    t.notOk(fs.existsSync(path.join(ours.public, 'root/3.json')), 'one of root 2 lacks');
    const second = path.join(dir, 'second.minisig');
    await stockSign(rotated.path, theirs, { signature: second });
    await ours.ok(['sign', '--add', second]);
    t.ok(fs.existsSync(path.join(ours.public, 'root/3.json')));

    await publish(ours, '1.1.0');
    await ours.ok(['verify']);
    t.equal((await host.run(['apply'])).status, 0, 'it walks 1 → 2 → 3 and installs');
    t.match(fs.readFileSync(host.path('/data/bin/qx-node'), 'utf8'), /echo 1\.1\.0/);
  },
);

t.test(
  'a manifest that was not signed again is refused, and taken once it is',
  async (t) => {
    const dir = t.testdir();
    const ours = await makeWorkspace(path.join(dir, 'ours'));
    await publish(ours, '1.0.0');
    const host = makeHost(path.join(dir, 'host'), {
      url: `file://${ours.public}`,
      root: path.join(ours.public, 'root/1.json'),
    });
    await ours.ok(['keygen', 'release-2', '--no-password']);
    const key = handOver(ours, 'release-2', path.join(dir, 'elsewhere'));
    await ours.ok(['root', 'rotate', 'release', 'release', 'release-2', '--now']);
    t.equal((await host.run(['apply'])).status, 20);
    t.notOk(fs.existsSync(host.path('/data/bin/qx-node')));
    await ours.ok(['sign', '--key', key]);
    t.equal((await host.run(['apply'])).status, 0);
    t.ok(fs.existsSync(host.path('/data/bin/qx-node')));
  },
);
