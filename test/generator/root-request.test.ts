import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { handOver, keygen, pendingIn, rootOf, served, verified } from './root-support.ts';
import { newWorkspace, ok, qxRepo } from './support.ts';
import { published } from './trees.ts';

t.test(
  'several changes make one root; a later one voids the signatures of the earlier one',
  async (t) => {
    const dir = t.testdir();
    const workspace = await newWorkspace(path.join(dir, 'w'));
    const ids = await keygen(workspace, 'root-2', 'ci');
    const first = await ok(workspace, ['root', 'add-key', 'root', 'root-2', '--draft']);
    t.match(first, {
      state: 'pending',
      signatures: '0 of 1 of root 1, 0 of 1 of root 2',
    });
    const second = await qxRepo(workspace, [
      'root',
      'add-key',
      'channel/dev',
      'ci',
      '--draft',
    ]);
    t.match(
      second.stdout,
      /root 2 waited already and is changed further: it had no signature yet/,
    );
    t.match(second.stdout, /^next: qx-repo sign signs it.*\nand: send that file/m);
    t.equal(pendingIn(workspace).length, 1, 'one request');
    handOver(workspace, 'root-2');
    const third = await ok(workspace, ['root', 'set-threshold', 'root', '2']);
    t.match(third, {
      state: 'pending',
      amended: true,
      signatures: '1 of 1 of root 1, 1 of 2 of root 2',
    });
    const fourth = await qxRepo(workspace, ['root', 'set-floor', 'quantix-os', '1']);
    t.match(fourth.stdout, /its 1 signature\(s\) are void/);
    t.equal(pendingIn(workspace).filter((name) => name.endsWith('.json')).length, 1);
    const shown = await ok(workspace, ['root', 'show']);
    t.match(shown.requests, [
      { version: 2, signatures: '1 of 1 of root 1, 1 of 2 of root 2' },
    ]);
    t.equal(fs.existsSync(path.join(workspace, 'public/root/2.json')), false);
    const text = (await qxRepo(workspace, ['root', 'show'])).stdout;
    t.match(text, /key +root: \+ [0-9A-F]{16} \(root-2\)/, 'by its name in keys/');
    t.match(text, /signed by [0-9A-F]{16} \(root\)$/m);
    const key = path.join(dir, 'elsewhere/root-2.key');
    t.match(await ok(workspace, ['sign', '--key', key]), {
      root: { state: 'published' },
    });
    const root = rootOf(workspace, 2);
    t.match(root, {
      floors: { 'quantix-os': 1 },
      roles: { root: { threshold: 2 }, 'channel/dev': { keys: [ids.ci] } },
    });
    await verified(t, workspace);
  },
);

t.test(
  'the thief of the next root key alone gets no root: the key before has to sign',
  async (t) => {
    const dir = t.testdir();
    const workspace = await newWorkspace(path.join(dir, 'w'));
    const ids = await keygen(workspace, 'root-2');
    const before = handOver(workspace, 'root');
    const tree = served(workspace);
    const waits = {
      state: 'pending',
      signatures: '0 of 1 of root 1, 1 of 1 of root 2',
      signers: [ids['root-2']],
    };
    t.match(await ok(workspace, ['root', 'rotate', 'root', 'root', 'root-2']), waits);
    t.match((await ok(workspace, ['sign'])).root, waits, 'however often');
    const { stdout } = await qxRepo(workspace, ['sign']);
    t.match(stdout, /^next: send that file/m, 'the keys that are here have signed');
    t.same(served(workspace), tree, 'nothing is served of it');
    const signed = await ok(workspace, ['sign', '--key', before]);
    t.match(signed.root, { state: 'published', version: 2 });
    await verified(t, workspace);
  },
);

t.test('a request that nobody can sign is refused before it waits', async (t) => {
  const workspace = await published(t.testdir());
  const before = served(workspace);
  const refusals: [args: string[], status: number, message: RegExp][] = [
    [['set-threshold', 'root', '2'], 2, /could never be met/],
    [['remove-key', 'channel', 'channel'], 2, /last key of a role/],
    [['remove-key', 'release', 'channel'], 2, /no such key/],
    [['rotate', 'release', 'release', 'nobody'], 2, /no such public key/],
    [['add-key', 'release', '0123456789ABCDEF'], 2, /no key of this id/],
    [['add-key', 'release', 'release'], 2, /nothing would change/],
    [['set-threshold', 'release', 'one'], 2, /not a number/],
    [['set-floor', 'quantix-os', '3'], 22, /a channel points below that floor/],
    [['set-floor', 'quantix-os', '1.0.7'], 2, /not a number/],
    [['set-expiry', '0'], 2, /not an expiry/],
    [['set-expiry', '2026-02-30'], 2, /not an expiry/],
    [['set-expiry', '2026-02-01'], 11, /in the past/],
  ];
  for (const [args, status, message] of refusals) {
    const called = await qxRepo(workspace, ['root', ...args]);
    t.equal(called.status, status, args.join(' '));
    t.match(called.stderr, message);
  }
  t.same(pendingIn(workspace), []);
  t.same(served(workspace), before);
  const floor = await ok(workspace, ['root', 'set-floor', 'quantix-os', '1.1.0']);
  t.match(floor.changes, ['version     1 → 2', 'floor       quantix-os: none → 2']);
  const lower = await qxRepo(workspace, ['root', 'set-floor', 'quantix-os', '1']);
  t.match(lower, { status: 22, stderr: /never lowered/ });
  t.match(await ok(workspace, ['root', 'set-expiry', '30', '--dry-run']), {
    dryRun: true,
  });
  t.notOk(fs.existsSync(path.join(workspace, 'public/root/3.json')));
});

t.test('a root that has expired is followed by one that has not', async (t) => {
  const workspace = await published(t.testdir());
  const late = { now: '2029-04-01T00:00:00Z' };
  t.equal((await qxRepo(workspace, ['sign'], late)).status, 11);
  await keygen(workspace, 'root-2');
  await ok(workspace, ['root', 'add-key', 'root', 'root-2', '--draft'], late);
  const { root, pointers } = await ok(workspace, ['sign'], late);
  t.match(root, { state: 'published', version: 2 });
  t.match(pointers, [{ state: 'published', serial: 3 }]);
  t.equal((await qxRepo(workspace, ['verify'], late)).status, 0);
});

t.test('a channel with a key of its own, which goes back to the others', async (t) => {
  const workspace = await published(t.testdir());
  await keygen(workspace, 'ci');
  const made = await ok(workspace, ['root', 'add-key', 'channel/stable', 'ci']);
  t.match(made.countersigned, [
    { document: /^pointer quantix-os\/stable/, state: 'signed' },
  ]);
  await verified(t, workspace);
  t.equal(
    (await qxRepo(workspace, ['root', 'remove-key', 'channel/stable', 'ci'])).status,
    2,
  );
  const ended = await ok(workspace, [
    'root',
    'remove-key',
    'channel/stable',
    'ci',
    '--end-role',
  ]);
  t.same(ended.countersigned, [], 'the first signature still stands beside the second');
  t.notOk(rootOf(workspace, 3).roles['channel/stable']);
  await verified(t, workspace);
});
