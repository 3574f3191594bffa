import fs from 'node:fs';
import t from 'tap';
import { rootPath, signaturePath } from '../../client/format/tree.ts';
import { withFields } from '../support/bad-tree.ts';
import { fixedKey, type Forge, sha256, YEARS_AWAY } from '../support/forge.ts';
import { publishRoots } from '../support/roots.ts';
import { blockBy, listed, putBlocks, putRoot, role, twinOf } from './documents.ts';
import { installs, trustedRoot, refuses } from './judge.ts';
import { says, withholds } from './simulator.ts';
import { stories } from './world.ts';

/** The trust root: who may say what, from one version to the next. */

const story = stories(t);

/** Only the root's own keys, the rest as in root 1. */
const rootKeys = (
  { root, keys }: Forge,
  threshold: number,
  ...own: Parameters<typeof listed>
) => ({
  keys: listed(...new Set([...own, keys.release, keys.channel])),
  roles: { ...root.roles, root: role(threshold, ...own) },
});

story('a host that slept through four roots walks them one by one', async (t, world) => {
  publishRoots(world.forge, 5);
  world.publish('1.1.0', { pointer: { root: 5 } });
  await installs(t, world, '1.1.0');
  t.equal(trustedRoot(world.host), 5);
  const roots = world.web.asked().filter((path) => path.startsWith('/root/'));
  t.same(roots, [
    '/root/2.json',
    '/root/3.json',
    '/root/4.json',
    '/root/5.json',
    '/root/6.json',
  ]);
});

story('more roots than one run walks are walked by the next runs', async (t, world) => {
  publishRoots(world.forge, 70);
  world.publish('1.1.0', { pointer: { root: 70 } });
  const says = /more trust roots than one run walks/;
  await refuses(t, world, { exit: 75, says, walksTo: 65 });
  await installs(t, world, '1.1.0');
});

story(
  'a mirror leaves a gap: root 3 without root 2 is never asked for',
  async (t, world) => {
    publishRoots(world.forge, 3);
    world.web.lies(/root\/2\.json/, withholds());
    world.publish('1.1.0', { pointer: { root: 3 } });
    world.web.asked();
    await refuses(t, world, { exit: 11, says: /a newer trust root is withheld/ });
    t.notOk(world.web.asked().includes('/root/3.json'));
  },
);

story('root n+2 is served under the name of n+1', async (t, world) => {
  world.publish('1.1.0');
  putRoot(world.forge, 3, {}, world.forge.keys.root);
  const bytes = withFields(world.forge.rootBytes, { version: 3 });
  world.web.lies(/root\/2\.json/, says(bytes));
  await refuses(t, world, { exit: 22, says: /root: not the version that follows/ });
});

story('root 1 is served again as root 2', async (t, world) => {
  world.publish('1.1.0');
  world.web.lies(/root\/2\.json/, says(world.forge.rootBytes));
  await refuses(t, world, { exit: 22, says: /expected +version 2[^]*found +version 1/ });
});

story('a host on root 3 is shown root 2 as its next', async (t, world) => {
  publishRoots(world.forge, 3);
  world.publish('1.1.0');
  await installs(t, world, '1.1.0');
  const second = withFields(world.forge.rootBytes, { version: 2 });
  const third = fixedKey(103);
  putBlocks(world.forge, rootPath(4), second, [blockBy(third, second)]);
  world.publish('1.2.0');
  await refuses(t, world, { exit: 22, says: /expected +version 4[^]*found +version 2/ });
});

story(
  'the owner of the keys has a second repository, and its root 2 is served here',
  async (t, world) => {
    putRoot(world.forge, 2, { repository: 'laboratory' }, world.forge.keys.root);
    world.publish('1.1.0');
    await refuses(t, world, { exit: 23, says: /root: of another repository/ });
  },
);

story('root 2 brings new keys and only the old ones signed it', async (t, world) => {
  putRoot(world.forge, 2, rootKeys(world.forge, 1, fixedKey(20)), world.forge.keys.root);
  world.publish('1.1.0');
  await refuses(t, world, { exit: 20, says: /expected +1 of \[1414/ });
});

story(
  'root 2 brings the keys of a thief and only the thief signed it',
  async (t, world) => {
    const thief = world.forge.keys.stranger;
    putRoot(world.forge, 2, rootKeys(world.forge, 1, thief), thief);
    world.publish('1.1.0');
    await refuses(t, world, { exit: 20, says: /expected +1 of \[0101/ });
  },
);

story('root 2 asks for two keys and has one of them', async (t, world) => {
  const { root } = world.forge.keys;
  putRoot(world.forge, 2, rootKeys(world.forge, 2, root, fixedKey(20)), root);
  world.publish('1.1.0');
  await refuses(t, world, { exit: 20, says: /expected +2 of \[/ });
});

story('two are needed and one key signs twice', async (t, world) => {
  const { root } = world.forge.keys;
  const fields = { version: 2, ...rootKeys(world.forge, 2, root, fixedKey(20)) };
  const bytes = withFields(world.forge.rootBytes, fields);
  const blocks = [blockBy(root, bytes, 'once'), blockBy(root, bytes, 'and again')];
  putBlocks(world.forge, rootPath(2), bytes, blocks);
  world.publish('1.1.0');
  await refuses(t, world, { exit: 20, says: /expected +2 of \[/ });
});

story('one key stands in a root under two ids, and both sign', async (t, world) => {
  const { root } = world.forge.keys;
  const twin = twinOf(root, 77);
  putRoot(world.forge, 2, rootKeys(world.forge, 2, root, twin), root, twin);
  world.publish('1.1.0');
  await refuses(t, world, { exit: 23, says: /one public key under two ids/ });
});

story('a key is listed under the id of another', async (t, world) => {
  const { root, channel } = world.forge.keys;
  const keys = { ...listed(...Object.values(world.forge.keys)) };
  keys[channel.id] = keys[root.id] ?? '';
  putRoot(world.forge, 2, { keys }, root);
  world.publish('1.1.0');
  await refuses(t, world, { exit: 23, says: /listed under the id of another/ });
});

story('a root names a key that it does not list', async (t, world) => {
  const roles = { ...world.forge.root.roles, channel: role(1, fixedKey(20)) };
  putRoot(world.forge, 2, { roles }, world.forge.keys.root);
  world.publish('1.1.0');
  await refuses(t, world, { exit: 23, says: /names a key that is not listed/ });
});

story('a root names one key twice for a threshold of two', async (t, world) => {
  const { root, channel } = world.forge.keys;
  const roles = { ...world.forge.root.roles, channel: role(2, channel, channel) };
  putRoot(world.forge, 2, { roles }, root);
  world.publish('1.1.0');
  await refuses(t, world, { exit: 23, says: /names a key twice/ });
});

story('a root asks for more keys than a role has', async (t, world) => {
  const { root, channel } = world.forge.keys;
  const roles = { ...world.forge.root.roles, channel: role(6, channel) };
  putRoot(world.forge, 2, { roles }, root);
  world.publish('1.1.0');
  await refuses(t, world, { exit: 23, says: /can never be met/ });
});

story('a root asks for no signature at all', async (t, world) => {
  const { root, release } = world.forge.keys;
  const roles = { ...world.forge.root.roles, release: role(0, release) };
  putRoot(world.forge, 2, { roles }, root);
  world.publish('1.1.0');
  await refuses(t, world, { exit: 23, says: /roles\.release\.threshold/ });
});

story('a root lists a key for which anybody can sign', async (t, world) => {
  const { root } = world.forge.keys;
  const weak = Buffer.concat([
    Buffer.from('Ed'),
    Buffer.alloc(8, 0x44),
    Buffer.from([1]),
    Buffer.alloc(31),
  ]);
  const keys = { ...world.forge.root.keys, ['44'.repeat(8)]: weak.toString('base64') };
  putRoot(world.forge, 2, { keys }, root);
  world.publish('1.1.0');
  await refuses(t, world, { exit: 23, says: /a weak public key/ });
});

story('the thief of the release key signs a root', async (t, world) => {
  const { release, stranger } = world.forge.keys;
  putRoot(world.forge, 2, rootKeys(world.forge, 1, stranger), release, stranger);
  world.publish('1.1.0');
  await refuses(t, world, { exit: 20, says: /belongs to "release"/ });
});

story('the thief of the channel key signs a root', async (t, world) => {
  const { channel, stranger } = world.forge.keys;
  putRoot(world.forge, 2, rootKeys(world.forge, 1, stranger), channel, stranger);
  world.publish('1.1.0');
  await refuses(t, world, { exit: 20, says: /belongs to "channel"/ });
});

story('a root that has expired lies on the way to one that has not', async (t, world) => {
  const { root } = world.forge.keys;
  putRoot(world.forge, 2, { expires: '2020-01-01T00:00:00Z' }, root);
  putRoot(world.forge, 3, { expires: YEARS_AWAY }, root);
  world.publish('1.1.0', { pointer: { root: 3 } });
  await installs(t, world, '1.1.0');
  t.equal(trustedRoot(world.host), 3);
});

story(
  'the last root has expired: it is kept, and nothing is taken under it',
  async (t, world) => {
    const { root } = world.forge.keys;
    putRoot(world.forge, 2, { expires: '2020-01-01T00:00:00Z' }, root);
    world.publish('1.1.0');
    const says = /the trust root 2 has expired/;
    await refuses(t, world, { exit: 11, says, walksTo: 2 });
    putRoot(world.forge, 3, {}, root);
    await installs(t, world, '1.1.0');
  },
);

story(
  'a host whose root has expired meanwhile finds the next one by itself',
  async (t, world) => {
    const { root } = world.forge.keys;
    putRoot(world.forge, 2, { expires: '2031-01-01T00:00:00Z' }, root);
    world.publish('1.1.0');
    await installs(t, world, '1.1.0');
    putRoot(world.forge, 3, {}, root);
    const life = { issued: '2032-01-01T00:00:00Z', expires: '2032-06-01T00:00:00Z' };
    world.publish('1.2.0', { pointer: life });
    await installs(t, world, '1.2.0', { at: '2032-02-01T00:00:00Z' });
    t.equal(trustedRoot(world.host), 3);
  },
);

story('a root has fields that nobody knows', async (t, world) => {
  const { keys, root } = world.forge;
  const roles = { ...root.roles, root: { ...role(1, keys.root), note: 'unknown' } };
  putRoot(world.forge, 2, { roles, custom: { a: 1 } }, keys.root);
  world.publish('1.1.0', { pointer: { root: 2 } });
  await installs(t, world, '1.1.0');
});

story('a root has a field that must be understood and is not', async (t, world) => {
  putRoot(world.forge, 2, { critical: ['quorum'], quorum: 3 }, world.forge.keys.root);
  world.publish('1.1.0');
  await refuses(t, world, { exit: 24, says: /a critical field/ });
});

story(
  'a host answers 500 for the next root, which is not the end of the walk',
  async (t, world) => {
    publishRoots(world.forge, 2);
    world.publish('1.1.0');
    world.web.lies(/root\/2\.json/, withholds(500));
    await refuses(t, world, { exit: 10, says: /status 500/ });
  },
);

story('a next root is longer than a root may be', async (t, world) => {
  putRoot(world.forge, 2, { padding: 'x'.repeat(70_000) }, world.forge.keys.root);
  world.publish('1.1.0');
  await refuses(t, world, { exit: 23, says: /longer than it may be/ });
});

story('the pinned root lost its version', async (t, world) => {
  const pinned = withFields(world.forge.rootBytes, { version: undefined });
  const { host } = world;
  world.publish('1.1.0');
  fs.writeFileSync(host.path('/quantix/root.json'), pinned);
  world.web.asked();
  await refuses(t, world, { exit: 30, says: /a trust root on this host is unusable/ });
  t.same(world.web.asked(), [], 'nobody is asked for anything');
});

story('a next root comes without its signature file', async (t, world) => {
  putRoot(world.forge, 2, {}, world.forge.keys.root);
  const bytes = withFields(world.forge.rootBytes, { version: 2 });
  world.forge.remove(signaturePath(sha256(bytes)));
  world.publish('1.1.0');
  await refuses(t, world, { exit: 20, says: /found +no signature/ });
});
