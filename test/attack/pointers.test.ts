import fs from 'node:fs';
import t from 'tap';
import { encodePointer } from '../../client/format/pointer.ts';
import {
  pointerPath,
  sideSignaturePath,
  signaturePath,
} from '../../client/format/tree.ts';
import { withFields } from '../support/bad-tree.ts';
import { fixedKey, type Forge, sha256 } from '../support/forge.ts';
import { publishRoots } from '../support/roots.ts';
import { blockBy, listed, putBlocks, putPointer, putRoot, role } from './documents.ts';
import { installed, installs, memoryOf, refuses } from './judge.ts';
import { answersFor, says, withholds } from './simulator.ts';
import { stories, type World } from './world.ts';

/** What a channel points to: yesterday's, another channel's, nobody's. */

const story = stories(t);
const STABLE = /channels\/quantix-os\/stable\.json$/;
const LIFE = { issued: '2030-01-01T00:00:00Z', expires: '2030-03-31T00:00:00Z' };

/** The pointer of a good release with these fields, signed by the channel key. */
function pointTo(world: World, version: string, fields: Record<string, unknown>): Buffer {
  const { pointer } = world.publish(version);
  const bytes = withFields(encodePointer(pointer), fields);
  putPointer(world.forge, bytes, world.forge.keys.channel);
  return bytes;
}

/** Root 2, with a role for one channel alone, whose keys must all sign. */
function putOwnRole(
  forge: Forge,
  channel: string,
  ...own: Parameters<typeof listed>
): void {
  const { root, keys } = forge;
  const fields = {
    keys: listed(...new Set([keys.root, keys.release, keys.channel, ...own])),
    roles: { ...root.roles, [`channel/${channel}`]: role(own.length, ...own) },
  };
  putRoot(forge, 2, fields, keys.root);
}

story(
  'a mirror freezes the channel: until the pointer expires, and no longer',
  async (t, world) => {
    pointTo(world, '1.1.0', LIFE);
    const frozen = world.web.remember();
    await installs(t, world, '1.1.0', { at: '2030-01-02T00:00:00Z' });
    world.publish('1.2.0', {
      pointer: { issued: '2030-02-01T00:00:00Z', expires: '2030-05-01T00:00:00Z' },
    });
    frozen();
    const { status } = await world.client({ at: '2030-03-30T23:00:00Z' });
    t.equal(status, 0, 'a frozen channel is not seen before');
    const at = '2030-03-31T00:00:00Z';
    await refuses(t, world, { exit: 11, says: /the pointer has expired/, at });
    world.web.repents();
    await installs(t, world, '1.2.0', { at: '2030-04-01T00:00:00Z' });
  },
);

story('a cache answers that nothing has changed, for ever', async (t, world) => {
  const bytes = pointTo(world, '1.1.0', LIFE);
  world.web.lies(STABLE, says(bytes, { etag: '"poison"' }));
  await installs(t, world, '1.1.0', { at: '2030-01-02T00:00:00Z' });
  world.web.lies(STABLE, withholds(304, { etag: '"poison"' }));
  const { status } = await world.client({ at: '2030-01-02T23:00:00Z' });
  t.equal(status, 0, '304 means the pointer that is known');
  // Once a day it is asked for as it is, and whoever answers 304 to that is told from who tells the truth.
  const at = '2030-01-03T00:00:01Z';
  await refuses(t, world, { exit: 10, says: /304/, at });
});

story(
  'a poisoned cache says 304 for another pointer than the host has',
  async (t, world) => {
    const bytes = pointTo(world, '1.1.0', {});
    world.web.lies(STABLE, says(bytes, { etag: '"same for all"' }));
    await installs(t, world, '1.1.0');
    const stored = world.host.path('/data/updates/pointers/quantix-os/stable.json');
    fs.writeFileSync(stored, withFields(bytes, { version: '9.9.9' }));
    world.web.lies(STABLE, withholds(304));
    await refuses(t, world, { exit: 10, says: /304/ });
  },
);

story('a host answers 304 to a host that has nothing', async (t, world) => {
  fs.rmSync(world.host.path('/data/updates/pointers'), { recursive: true });
  world.publish('1.1.0');
  world.web.lies(STABLE, withholds(304));
  await refuses(t, world, { exit: 10, says: /304/ });
});

story('a mirror serves the pointer of yesterday', async (t, world) => {
  const yesterday = world.web.remember();
  world.publish('1.1.0');
  await installs(t, world, '1.1.0');
  yesterday();
  await refuses(t, world, { exit: 22, says: /an older pointer than this host has seen/ });
});

story(
  'a mirror serves yesterday to a host that lost its copy of the pointer',
  async (t, world) => {
    const yesterday = world.web.remember();
    world.publish('1.1.0');
    await installs(t, world, '1.1.0');
    fs.rmSync(world.host.path('/data/updates/pointers'), { recursive: true });
    yesterday();
    await refuses(t, world, { exit: 22, says: /expected +serial 2 or higher/ });
  },
);

story('two pointers have one serial', async (t, world) => {
  world.publish('1.1.0');
  await installs(t, world, '1.1.0');
  world.publish('1.2.0', { serial: 2 });
  await refuses(t, world, { exit: 22, says: /two different pointers with one serial/ });
});

story('the pointer of beta is served as the one of stable', async (t, world) => {
  const { pointer } = world.publish('1.1.0');
  const beta = encodePointer({ ...pointer, channel: 'beta' });
  putPointer(world.forge, beta, world.forge.keys.channel);
  await refuses(t, world, { exit: 23, says: /the pointer is of another channel/ });
});

story('beta has a key of its own, which signs stable', async (t, world) => {
  const beta = fixedKey(21);
  putOwnRole(world.forge, 'beta', beta);
  const { pointer } = world.publish('1.1.0');
  putPointer(world.forge, encodePointer(pointer), beta);
  await refuses(t, world, { exit: 20, says: /belongs to "channel\/beta"/, walksTo: 2 });
});

story(
  'stable has keys of its own, and the key of all other channels signs it',
  async (t, world) => {
    const own = [fixedKey(21), fixedKey(22)];
    putOwnRole(world.forge, 'stable', ...own);
    world.publish('1.1.0');
    await refuses(t, world, { exit: 20, says: /belongs to "channel"/, walksTo: 2 });
  },
);

story('stable needs two people, and one of them signs', async (t, world) => {
  const [one, two] = [fixedKey(21), fixedKey(22)];
  putOwnRole(world.forge, 'stable', one, two);
  const bytes = encodePointer(world.publish('1.1.0').pointer);
  putPointer(world.forge, bytes, one);
  await refuses(t, world, { exit: 20, says: /expected +2 of \[/, walksTo: 2 });
  putPointer(world.forge, bytes, one, two);
  await installs(t, world, '1.1.0');
});

story('stable needs two people, and one of them signs twice', async (t, world) => {
  const [one, two] = [fixedKey(21), fixedKey(22)];
  putOwnRole(world.forge, 'stable', one, two);
  const bytes = encodePointer(world.publish('1.1.0').pointer);
  const blocks = [blockBy(one, bytes, 'once'), blockBy(one, bytes, 'and again')];
  putBlocks(world.forge, pointerPath('quantix-os', 'stable'), bytes, blocks);
  await refuses(t, world, { exit: 20, says: /expected +2 of \[/, walksTo: 2 });
});

story('the pointer of another product is served here', async (t, world) => {
  const { pointer } = world.publish('1.1.0');
  const other = encodePointer({ ...pointer, product: 'quantix-vdc' });
  putPointer(world.forge, other, world.forge.keys.channel);
  await refuses(t, world, { exit: 23, says: /the pointer is of another product/ });
});

story('a repository with the same keys lends its pointer', async (t, world) => {
  const { pointer } = world.publish('1.1.0');
  const other = encodePointer({ ...pointer, repository: 'laboratory' });
  putPointer(world.forge, other, world.forge.keys.channel);
  await refuses(t, world, { exit: 23, says: /the pointer is of another repository/ });
});

story('a signed manifest is served as the pointer', async (t, world) => {
  const { pointer } = world.publish('1.1.0');
  const manifest = world.forge.read(`manifests/${pointer.manifests.any?.sha256}.json`);
  putPointer(world.forge, manifest, world.forge.keys.channel);
  await refuses(t, world, { exit: 23, says: /of another type/ });
});

story('the thief of the release key moves the channel', async (t, world) => {
  const { pointer } = world.publish('1.1.0');
  putPointer(world.forge, encodePointer(pointer), world.forge.keys.release);
  await refuses(t, world, { exit: 20, says: /belongs to "release"/ });
});

story('the thief of the web server signs with a key of his own', async (t, world) => {
  const { pointer } = world.publish('1.1.0');
  putPointer(world.forge, encodePointer(pointer), world.forge.keys.stranger);
  await refuses(t, world, { exit: 20, says: /is not a key of this root/ });
});

story('a pointer comes without a signature', async (t, world) => {
  const { pointer } = world.publish('1.1.0');
  world.forge.remove(signaturePath(sha256(encodePointer(pointer))));
  await refuses(t, world, { exit: 20, says: /the pointer is not signed/ });
});

story('a pointer has a good signature beside a bad one', async (t, world) => {
  const { channel } = world.forge.keys;
  const bytes = encodePointer(world.publish('1.1.0').pointer);
  const bad = blockBy(channel, Buffer.from('another message'));
  const blocks = [
    bad,
    blockBy(world.forge.keys.stranger, bytes),
    blockBy(channel, bytes),
  ];
  putBlocks(world.forge, pointerPath('quantix-os', 'stable'), bytes, blocks);
  await installs(t, world, '1.1.0');
});

story('the signature of yesterday lies beside the pointer of today', async (t, world) => {
  const before = world.forge.read(pointerPath('quantix-os', 'stable'));
  const bytes = encodePointer(world.publish('1.1.0').pointer);
  const old = world.forge.read(signaturePath(sha256(before)));
  world.forge.remove(signaturePath(sha256(bytes)));
  world.forge.put(sideSignaturePath('quantix-os', 'stable'), old);
  await refuses(t, world, { exit: 20, says: /did not sign these bytes/ });
});

story('a mirror withholds the pointer', async (t, world) => {
  world.publish('1.1.0');
  for (const status of [404, 403]) {
    world.web.lies(STABLE, withholds(status));
    await refuses(t, world, { exit: 10, says: /no such channel/ });
  }
});

story('a mirror withholds the root that the pointer was made under', async (t, world) => {
  publishRoots(world.forge, 2);
  world.publish('1.1.0', { pointer: { root: 2 } });
  world.web.lies(/root\/2\.json/, withholds(403));
  await refuses(t, world, { exit: 11, says: /a newer trust root is withheld/ });
});

story('a pointer is served in the place of its own signature', async (t, world) => {
  world.publish('1.1.0');
  world.web.lies(/minisig$/, answersFor(pointerPath('quantix-os', 'stable')));
  await refuses(t, world, { exit: 23, says: /not a minisign signature/ });
});

story('a pointer is good up to its last second', async (t, world) => {
  pointTo(world, '1.1.0', LIFE);
  const at = LIFE.expires;
  await refuses(t, world, { exit: 11, says: /the pointer has expired/, at });
  await installs(t, world, '1.1.0', { at: '2030-03-30T23:59:00Z' });
});

story('a pointer lives for longer than 400 days', async (t, world) => {
  pointTo(world, '1.1.0', { ...LIFE, expires: '2031-02-06T00:00:00Z' });
  const at = '2030-01-02T00:00:00Z';
  await refuses(t, world, { exit: 23, says: /at most 400 days|400 days/, at });
});

story(
  'the battery died: the clock says 1970, and an expired pointer is shown',
  async (t, world) => {
    pointTo(world, '1.1.0', LIFE);
    await installs(t, world, '1.1.0', { at: '2030-02-01T00:00:00Z' });
    pointTo(world, '1.2.0', {
      issued: '2029-06-01T00:00:00Z',
      expires: '2029-12-31T00:00:00Z',
    });
    const at = '1970-01-01T00:00:00Z';
    await refuses(t, world, { exit: 11, says: /the pointer has expired/, at });
  },
);

story(
  'the clock runs 20 years fast: nothing is taken, and nothing is lost',
  async (t, world) => {
    pointTo(world, '1.1.0', LIFE);
    const at = '2050-01-01T00:00:00Z';
    await refuses(t, world, { exit: 11, says: /is the clock of this host right/, at });
    await installs(t, world, '1.1.0', { at: '2030-01-02T00:00:00Z' });
  },
);

story(
  'what is stored of a pointer is what was served, byte for byte',
  async (t, world) => {
    const { pointer } = world.publish('1.1.0');
    const bytes = Buffer.concat([encodePointer(pointer), Buffer.from('   \n')]);
    putPointer(world.forge, bytes, world.forge.keys.channel);
    await installs(t, world, '1.1.0');
    const stored = world.host.path('/data/updates/pointers/quantix-os/stable.json');
    t.same(fs.readFileSync(stored), bytes);
    t.equal(memoryOf(world.host)?.pointers['quantix-os/stable']?.sha256, sha256(bytes));
  },
);

story('a first run asks for what it needs and for nothing else', async (t, world) => {
  const { pointer, object } = world.publish('1.1.0');
  const manifest = pointer.manifests.any?.sha256 ?? '';
  await installs(t, world, '1.1.0');
  t.same(world.web.asked(), [
    '/channels/quantix-os/stable.json',
    '/root/2.json',
    `/signatures/${sha256(encodePointer(pointer))}.minisig`,
    `/manifests/${manifest}.json`,
    `/signatures/${manifest}.minisig`,
    `/objects/${object.sha256.slice(0, 2)}/${object.sha256}`,
  ]);
  t.equal(installed(world.host), '1.1.0');
});
