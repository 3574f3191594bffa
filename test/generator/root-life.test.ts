import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { stockSign } from '../support/minisign.ts';
import { handOver, keygen, pendingIn, rootOf, served, verified } from './root-support.ts';
import { type Json, NOW, ok, pointerOf, qxRepo, smallRelease, write } from './support.ts';
import { published } from './trees.ts';

t.test(
  'with all keys at hand a rotated key is replaced, and what it signed signed again',
  async (t) => {
    const dir = t.testdir();
    const workspace = await published(dir);
    const before = served(workspace);
    const ids = await keygen(workspace, 'release-2', 'channel-2');
    const first = await ok(workspace, [
      'root',
      'rotate',
      'release',
      'release',
      'release-2',
    ]);
    t.match(first, {
      state: 'published',
      version: 2,
      path: 'root/2.json',
      amended: false,
    });
    const again = first.countersigned as Json[];
    t.same(
      again.map(({ document, state }) => `${document} ${state}`),
      [
        'manifest quantix-os 1.0.0 x86_64 release 1 signed',
        'manifest quantix-os 1.1.0 x86_64 release 2 signed',
      ],
    );
    t.same(rootOf(workspace, 2).roles.release, {
      keys: [ids['release-2']],
      threshold: 1,
    });
    const second = await ok(workspace, [
      'root',
      'rotate',
      'channel',
      'channel',
      'channel-2',
    ]);
    t.match(second.countersigned, [
      { document: 'pointer quantix-os/stable 1.1.0 serial 2', state: 'signed' },
    ]);
    t.same(pendingIn(workspace), []);
    await verified(t, workspace);
    const after = served(workspace);
    for (const file of Object.keys(before).filter((name) =>
      /^(manifests|channels\/.*json$|root)\//.test(name),
    ))
      t.equal(after[file], before[file], `${file} is the same`);
    t.match(await ok(workspace, ['sign']), {
      root: null,
      pointers: [{ state: 'valid' }],
    });
    await verified(t, workspace);

    fs.rmSync(path.join(workspace, 'keys/release.key'));
    fs.rmSync(path.join(workspace, 'keys/channel.key'));
    const release = smallRelease(path.join(dir, 'next'), '1.2.0');
    await ok(workspace, [
      'generate',
      '--version',
      '1.2.0',
      '--channel',
      'stable',
      ...release,
    ]);
    t.equal(
      pointerOf(workspace, 'stable').root,
      3,
      'the new keys are found by their ids',
    );
    await verified(t, workspace);
  },
);

t.test(
  'what root 2 asks for is held back until nobody who walks to it is left without',
  async (t) => {
    const dir = t.testdir();
    const workspace = await published(dir);
    await keygen(workspace, 'release-2');
    const elsewhere = handOver(workspace, 'release-2');
    const before = served(workspace);
    const asked = await ok(workspace, [
      'root',
      'rotate',
      'release',
      'release',
      'release-2',
    ]);
    t.match(asked, { state: 'held', signatures: '1 of 1 of root 1, 1 of 1 of root 2' });
    const waiting = (asked.countersigned as Json[]).map((each) => each.path as string);
    t.equal(waiting.length, 2);
    t.same(served(workspace), before, 'nothing of it is served');

    await t.test('meanwhile the daily work goes on under root 1', async (t) => {
      t.match(await ok(workspace, ['sign']), {
        root: { state: 'held' },
        cosigned: [],
        pointers: [{ state: 'valid' }],
      });
      t.same(served(workspace), before);
      t.match((await qxRepo(workspace, ['lint'])).stdout, /waits for more signatures/);
    });

    await t.test('each answer is taken, the last one publishes', async (t) => {
      for (const [at, file] of waiting.entries()) {
        const answer = path.join(dir, `${at}.minisig`);
        await stockSign(file, elsewhere, { signature: answer });
        const added = await ok(workspace, ['sign', '--add', answer]);
        t.match(added, { root: { state: at === 0 ? 'held' : 'published' } });
      }
      t.same(pendingIn(workspace), []);
      await verified(t, workspace);
    });
  },
);

t.test(
  'after a theft --now does not wait: hosts refuse what is not signed yet',
  async (t) => {
    const dir = t.testdir();
    const workspace = await published(dir);
    await keygen(workspace, 'release-2');
    const elsewhere = handOver(workspace, 'release-2');
    const step = await ok(workspace, [
      'root',
      'rotate',
      'release',
      'release',
      'release-2',
      '--now',
    ]);
    t.match(step, {
      state: 'published',
      countersigned: [{ state: 'pending' }, { state: 'pending' }],
    });
    const report = await qxRepo(workspace, ['verify']);
    t.equal(report.status, 20, 'the channel names what no key of root 2 signed');
    const signed = await ok(workspace, ['sign', '--key', elsewhere]);
    t.match(signed.cosigned, [{ state: 'published' }, { state: 'published' }]);
    t.same(pendingIn(workspace), []);
    await verified(t, workspace);
  },
);

t.test('quantix-repo.toml does not contradict the root in silence', async (t) => {
  const workspace = await published(t.testdir());
  await keygen(workspace, 'release-2');
  await ok(workspace, ['root', 'rotate', 'release', 'release', 'release-2']);
  const warned = await qxRepo(workspace, ['lint']);
  t.match(
    warned.stdout,
    /quantix-repo.toml names a key that the trust root does not[^]*release \(/,
  );
  const toml = path.join(workspace, 'quantix-repo.toml');
  write(
    toml,
    fs.readFileSync(toml, 'utf8').replace('release = "release"', 'release = "release-2"'),
  );
  t.notMatch(
    (await qxRepo(workspace, ['lint'])).stdout,
    /names a key that the trust root/,
  );
});

t.test('a manifest that was withdrawn is not signed again', async (t) => {
  const workspace = await published(t.testdir());
  await ok(workspace, [
    'withdraw',
    'quantix-os',
    '1.1.0',
    '--message',
    'not ours',
    '--issued',
    NOW,
  ]);
  await keygen(workspace, 'release-2');
  const step = await ok(workspace, ['root', 'rotate', 'release', 'release', 'release-2']);
  t.match(step.countersigned, [{ document: /1\.0\.0/ }]);
  t.equal((step.countersigned as Json[]).length, 1);
  t.equal(
    (await qxRepo(workspace, ['verify'])).status,
    0,
    'a warning, since nothing points to it',
  );
});

t.test('root show reads out what a host pins', async (t) => {
  const workspace = await published(t.testdir());
  const bytes = fs.readFileSync(path.join(workspace, 'public/root/1.json'));
  const groups = createHash('sha256').update(bytes).digest('hex').toUpperCase();
  const { stdout } = await qxRepo(workspace, ['root', 'show']);
  t.ok(stdout.startsWith('root/1.json  '), stdout);
  t.ok(stdout.split('\n')[0]?.replaceAll(' ', '').endsWith(groups), stdout);
});
