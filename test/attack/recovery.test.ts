import fs from 'node:fs';
import t from 'tap';
import { encodePointer, type Pointer } from '../../client/format/pointer.ts';
import { manifestPath, pointerPath } from '../../client/format/tree.ts';
import { fixedKey, makeForge, sha256 } from '../support/forge.ts';
import { listed, putPointer, putRoot, putSigned, role } from './documents.ts';
import { installs, memoryOf, refuses, trustedRoot } from './judge.ts';
import { stories, type World } from './world.ts';

/** After a theft: what a new root undoes. */

const story = stories(t);

story(
  'a stolen key raised the serial as far as it goes, and a new root undoes that',
  async (t, world) => {
    const { root, release } = world.forge.keys;
    world.publish('1.1.0', { serial: Number.MAX_SAFE_INTEGER });
    await installs(t, world, '1.1.0');
    const { pointer } = world.publish('1.2.0');
    await refuses(t, world, {
      exit: 22,
      says: /an older pointer than this host has seen/,
    });
    const next = fixedKey(21);
    const roles = { ...world.forge.root.roles, channel: role(1, next) };
    putRoot(world.forge, 2, { keys: listed(root, release, next), roles }, root);
    putPointer(world.forge, encodePointer(pointer), next);
    await installs(t, world, '1.2.0');
  },
);

const BELOW = /below the floor/;
const MAX = Number.MAX_SAFE_INTEGER;
const second = fixedKey(22);

/** Root 2 names another release key; it signs the manifest of this pointer as well. */
function replaceReleaseKey(
  { forge }: World,
  { manifests }: Pointer,
  fields: Record<string, unknown> = {},
): void {
  const { root, channel } = forge.keys;
  const roles = { ...forge.root.roles, release: role(1, second) };
  putRoot(forge, 2, { keys: listed(root, channel, second), roles, ...fields }, root);
  const path = manifestPath(manifests.any?.sha256 ?? '');
  putSigned(forge, path, forge.read(path), second);
}

/** Other bytes, so that hosts look for a newer root. */
function signAgain({ forge }: World, pointer: Pointer): void {
  const later = encodePointer({ ...pointer, serial: pointer.serial + 1 });
  putPointer(forge, later, forge.keys.channel);
}

story(
  'a stolen release key put the floor out of reach, and a new root undoes that',
  async (t, world) => {
    world.publish('1.1.0', { manifest: { release: MAX, floor: MAX } });
    await installs(t, world, '1.1.0');
    const { pointer } = world.publish('1.2.0', { manifest: { floor: 2 } });
    await refuses(t, world, { exit: 22, says: BELOW, learns: 'manifest' });
    replaceReleaseKey(world, pointer);
    signAgain(world, pointer);
    await installs(t, world, '1.2.0');
    t.same(memoryOf(world.host)?.floors, { 'quantix-os': 2 }, 'the honest floor');
  },
);

story(
  'a new root takes no floor back as long as the release key is the same',
  async (t, world) => {
    const { root, release, channel } = world.forge.keys;
    world.publish('1.1.0', { manifest: { release: 9, floor: 9 } });
    await installs(t, world, '1.1.0');
    const { pointer } = world.publish('1.2.0');
    const next = fixedKey(21);
    const roles = { ...world.forge.root.roles, channel: role(1, next) };
    const fields = { keys: listed(root, release, channel, next), roles };
    putRoot(world.forge, 2, fields, root);
    putPointer(world.forge, encodePointer(pointer), next);
    await refuses(t, world, { exit: 22, says: BELOW, walksTo: 2, learns: 'manifest' });
  },
);

story(
  'the floor of the root itself stands, whatever is forgotten with a stolen key',
  async (t, world) => {
    world.publish('1.1.0', { manifest: { release: MAX, floor: MAX } });
    await installs(t, world, '1.1.0');
    const { pointer } = world.publish('1.2.0', { manifest: { release: 4 } });
    replaceReleaseKey(world, pointer, { floors: { 'quantix-os': 5 } });
    const { status, stderr } = await world.client();
    t.equal(status, 22, stderr);
    t.match(stderr, /release 5 or higher/);
  },
);

story(
  'a host that is up to date learns its floor again from what the new key signed',
  async (t, world) => {
    const { pointer } = world.publish('1.1.0', { manifest: { release: 9, floor: 9 } });
    await installs(t, world, '1.1.0');
    replaceReleaseKey(world, pointer);
    signAgain(world, pointer);
    await installs(t, world, '1.1.0');
    t.same(memoryOf(world.host)?.floors, { 'quantix-os': 9 });
  },
);

story(
  'a floor that only the stolen key vouches for is not learned again',
  async (t, world) => {
    const { pointer } = world.publish('1.1.0', { manifest: { release: 9, floor: 9 } });
    await installs(t, world, '1.1.0');
    replaceReleaseKey(world, pointer);
    const path = manifestPath(pointer.manifests.any?.sha256 ?? '');
    putSigned(world.forge, path, world.forge.read(path), world.forge.keys.release);
    signAgain(world, pointer);
    await installs(t, world, '1.1.0');
    t.same(memoryOf(world.host)?.floors, {});
  },
);

story(
  'as many root keys as the threshold are stolen: all of it, and no document undoes that',
  async (t, world) => {
    const { root, release, channel } = world.forge.keys;
    const thief = fixedKey(66);
    const all = role(1, thief);
    const roles = { root: all, release: all, channel: all };
    putRoot(world.forge, 2, { keys: listed(thief), roles }, root, thief);
    const manifests = world.publish('6.6.6').pointer.manifests;
    const path = manifestPath(manifests.any?.sha256 ?? '');
    putSigned(world.forge, path, world.forge.read(path), thief);
    const bytes = world.forge.read(pointerPath('quantix-os', 'stable'));
    putPointer(world.forge, bytes, thief);
    await installs(t, world, '6.6.6');
    t.equal(trustedRoot(world.host), 2);

    // What the publisher signs from now on counts no more, a root as little as a release.
    const { pointer } = world.publish('6.6.7');
    await refuses(t, world, { exit: 20, says: /is not a key of this root/ });
    putRoot(world.forge, 3, {}, root);
    putPointer(world.forge, encodePointer(pointer), channel, release);
    await refuses(t, world, { exit: 20, says: /too few valid signatures/ });

    // Only who is root on the host can: another repository, pinned by hand.
    const anew = makeForge(`${world.forge.dir}-anew`, 'example-2');
    anew.release({ version: '6.6.8', manifest: { release: 9 } });
    world.host.configure({ url: `file://${anew.dir}` });
    fs.writeFileSync(world.host.path('/quantix/anew.json'), anew.rootBytes);
    const pin = ['--fingerprint', sha256(anew.rootBytes), '--replace'];
    const pinned = await world.client({
      args: ['trust', 'add', '/quantix/anew.json', ...pin],
    });
    t.equal(pinned.status, 0, pinned.stderr);
    await installs(t, world, '6.6.8');
  },
);

story('one root key of two is stolen, and is good for nothing', async (t, world) => {
  const { root, release, channel } = world.forge.keys;
  const [second, thief] = [fixedKey(21), fixedKey(66)];
  const keys = listed(root, second, release, channel);
  const roles = { ...world.forge.root.roles, root: role(2, root, second) };
  putRoot(world.forge, 2, { keys, roles }, root, second);
  world.publish('1.1.0');
  await installs(t, world, '1.1.0');
  const stolen = {
    keys: listed(thief),
    roles: { root: role(1, thief), release: role(1, thief), channel: role(1, thief) },
  };
  putRoot(world.forge, 3, stolen, second, thief);
  const { pointer } = world.publish('6.6.6');
  putPointer(world.forge, encodePointer(pointer), thief);
  await refuses(t, world, { exit: 20, says: /expected +2 of \[/ });
});
