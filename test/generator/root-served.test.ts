import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { cutOff } from '../support/cut-off.ts';
import { keygen, pendingIn, verified } from './root-support.ts';
import { effectsAt, newWorkspace, ok, qxRepo, smallRelease } from './support.ts';

t.test(
  'a rotation, killed anywhere, leaves a tree that counts, and sign does the rest',
  async (t) => {
    t.setTimeout(300_000);
    const dir = t.testdir();
    const base = await newWorkspace(path.join(dir, 'w'));
    const release = smallRelease(dir, 'one');
    await ok(base, ['generate', '--version', '1.0.0', '--channel', 'dev', ...release]);
    await keygen(base, 'release-2');
    const args = ['root', 'rotate', 'release', 'release', 'release-2'];
    let published = 0;
    for (let n = 1; ; n += 1) {
      const copy = `${base}-${n}`;
      fs.cpSync(base, copy, { recursive: true });
      const cut = cutOff(n);
      const effects = { ...cut.effects, clock: effectsAt().clock };
      const { status } = await qxRepo(copy, args, { effects });
      await cut.bury();
      if (status === 0) break;
      t.same(
        (await ok(copy, ['verify'])).problems,
        [],
        `killed before ${cut.seen.at(-1)}`,
      );
      if (fs.existsSync(path.join(copy, 'public/root/2.json'))) published += 1;
      const again = await qxRepo(copy, ['sign']);
      t.equal(again.status, 0, again.stderr);
      t.same(
        pendingIn(copy).filter((name) => name.endsWith('.json')),
        [],
      );
      await verified(t, copy);
      fs.rmSync(copy, { recursive: true });
    }
    t.ok(published > 0, 'some died after the root was there');
  },
);

t.test('a workspace that knows root 1 pulls a tree with root 3', async (t) => {
  const dir = t.testdir();
  const ours = await newWorkspace(path.join(dir, 'w'));
  const release = smallRelease(dir, 'one');
  await ok(ours, ['generate', '--version', '1.0.0', '--channel', 'dev', ...release]);
  const theirs = path.join(dir, 'job');
  fs.cpSync(ours, theirs, { recursive: true });
  await keygen(ours, 'release-2', 'channel-2');
  await ok(ours, ['root', 'rotate', 'release', 'release', 'release-2']);

  await t.test('before, publishing over it is refused with 33', async (t) => {
    const raced = await qxRepo(theirs, ['preflight', path.join(ours, 'public')]);
    t.match(raced, { status: 33, stderr: /a newer trust root is served/ });
    t.equal((await qxRepo(ours, ['preflight', path.join(theirs, 'public')])).status, 0);
  });

  await ok(ours, ['root', 'rotate', 'channel', 'channel', 'channel-2']);
  await ok(theirs, ['pull', path.join(ours, 'public'), '--objects']);
  t.equal((await ok(theirs, ['root', 'show'])).version, 3);
  t.same((await ok(theirs, ['verify'])).problems, []);
  t.match(await ok(theirs, ['prune', '--keep', '1']), {});
  t.equal((await qxRepo(theirs, ['preflight', path.join(ours, 'public')])).status, 0);
});
