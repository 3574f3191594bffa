import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { needs } from '../support/needs.ts';
import { makeStockKey, stockSign } from '../support/minisign.ts';
import { handOver, keygen, verified } from './root-support.ts';
import { type Json, newWorkspace, ok, qxRepo, smallRelease } from './support.ts';

t.test(
  'a release by two of two, and stable by two people',
  needs('minisign'),
  async (t) => {
    const dir = t.testdir();
    const workspace = await newWorkspace(path.join(dir, 'w'));
    const colleague = await makeStockKey(path.join(dir, 'colleague'), 'colleague');
    const pub = colleague.publicKey;
    const sign = async (file: unknown): Promise<Json> => {
      const answer = await stockSign(file as string, colleague.secretKey, {
        signature: path.join(dir, 'a.minisig'),
      });
      return ok(workspace, ['sign', '--add', answer]);
    };
    await ok(workspace, ['root', 'add-key', 'release', pub, '--draft']);
    await ok(workspace, ['root', 'set-threshold', 'release', '2', '--draft']);
    await ok(workspace, ['root', 'add-key', 'channel/stable', 'channel', pub, '--draft']);
    await ok(workspace, ['root', 'set-threshold', 'channel/stable', '2', '--draft']);
    t.match(await ok(workspace, ['sign']), { root: { state: 'published', version: 2 } });

    const release = await ok(workspace, [
      'generate',
      '--version',
      '1.0.0',
      '--channel',
      'dev',
      ...smallRelease(dir, 'a'),
    ]);
    t.match(release, { state: 'pending', manifest: { signatures: '1 of 2' } });
    t.match((await sign(release.manifest.path)).cosigned, [{ state: 'published' }]);
    t.match(await ok(workspace, ['point', 'quantix-os', 'dev', '1.0.0']), {
      state: 'published',
    });
    const promoted = await ok(workspace, ['promote', 'quantix-os', 'dev', 'stable']);
    t.match(promoted, { state: 'pending', signatures: '1 of 2' });
    t.notOk(
      fs.existsSync(path.join(workspace, 'public/channels/quantix-os/stable.json')),
    );
    t.match((await sign(promoted.path)).cosigned, [{ state: 'published' }]);
    await verified(t, workspace);
  },
);

t.test(
  'root cosign: no workspace, only the file and a key; says first what it signs',
  async (t) => {
    const dir = t.testdir({ desk: {} });
    const workspace = await newWorkspace(path.join(dir, 'w'));
    const desk = path.join(dir, 'desk');
    const ids = await keygen(workspace, 'root-2', 'ci');
    await ok(workspace, ['root', 'add-key', 'root', 'root-2']);
    await ok(workspace, ['root', 'set-threshold', 'root', '2']);
    const key = handOver(workspace, 'root-2');
    const asked = await ok(workspace, ['root', 'add-key', 'channel/dev', 'ci']);
    t.match(asked, {
      state: 'pending',
      signatures: '1 of 2 of root 3, 1 of 2 of root 4',
    });
    fs.copyFileSync(asked.path as string, path.join(desk, 'request.json'));
    fs.copyFileSync(
      path.join(workspace, 'public/root/3.json'),
      path.join(desk, '3.json'),
    );

    const looked = await qxRepo(desk, [
      'root',
      'cosign',
      'request.json',
      '--root',
      '3.json',
      '--dry-run',
    ]);
    t.match(
      looked.stderr,
      new RegExp(`root 4 of test[^]*channel/dev: new[^]*\\+ ${ids.ci}`),
    );
    t.same(fs.readdirSync(desk).sort(), ['3.json', 'request.json']);
    const blind = await qxRepo(desk, ['root', 'cosign', 'request.json', '--dry-run']);
    t.match(blind.stderr, /cannot be told without root 3[^]*channel\/dev/);
    t.match(await qxRepo(desk, ['root', 'cosign', 'request.json']), {
      status: 78,
      stderr: /no key at hand/,
    });
    const wrong = path.join(workspace, 'public/root/2.json');
    const other = await qxRepo(desk, [
      'root',
      'cosign',
      'request.json',
      '--root',
      wrong,
      '--key',
      key,
    ]);
    t.match(other, { status: 2, stderr: /not the root that the request follows/ });

    const done = await ok(desk, [
      'root',
      'cosign',
      'request.json',
      '--root',
      '3.json',
      '--key',
      key,
    ]);
    t.same(done.signers, [ids['root-2']]);
    const added = await ok(workspace, [
      'sign',
      '--add',
      path.join(desk, 'request.json.minisig'),
    ]);
    t.match(added, { root: { state: 'published', version: 4 } });
    await verified(t, workspace);
    const late = await qxRepo(workspace, [
      'sign',
      '--add',
      path.join(desk, 'request.json.minisig'),
    ]);
    t.equal(late.status, 20, 'it is of nothing that waits any more');
  },
);
