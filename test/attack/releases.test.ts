import { brotliCompressSync } from 'node:zlib';
import t from 'tap';
import { encodePointer } from '../../client/format/pointer.ts';
import { manifestPath, objectPath, signaturePath } from '../../client/format/tree.ts';
import { endless, flipped, withFields } from '../support/bad-tree.ts';
import { fixedKey, sha256 } from '../support/forge.ts';
import { listed, putRoot, putSigned, role } from './documents.ts';
import { installs, refuses } from './judge.ts';
import {
  announces,
  answersFor,
  encodes,
  hangs,
  redirects,
  says,
  trickles,
  withholds,
} from './simulator.ts';
import { stories, type World } from './world.ts';

/** What a release is made of, and what a server may answer when it is asked for it. */

const story = stories(t);
const OBJECT = /^\/objects\//;
const MANIFEST = /^\/manifests\//;

/** What is said of an object that came whole and is another one. */
const isNot = (expected: string, found: string): RegExp =>
  new RegExp(`an object is not what .*[^]*expected +${expected} [^]*found +${found} `);

/** The manifest that the pointer of stable names. */
function manifestOf({ pointer }: ReturnType<World['publish']>): string {
  return manifestPath(pointer.manifests.any?.sha256 ?? '');
}

story(
  'the thief of the web server puts software of his own in the place of an object',
  async (t, world) => {
    const { object } = world.publish('1.1.0');
    const own = Buffer.from('#!/bin/sh\necho owned\n');
    world.web.lies(OBJECT, says(own));
    const text = isNot(object.sha256, sha256(own));
    await refuses(t, world, { exit: 21, says: text, learns: 'manifest' });
  },
);

story('an object is replaced by one of the same length', async (t, world) => {
  const { object } = world.publish('1.1.0');
  const other = flipped(world.forge.read(objectPath(object.sha256)));
  world.web.lies(OBJECT, says(other));
  const text = isNot(object.sha256, sha256(other));
  await refuses(t, world, { exit: 21, says: text, learns: 'manifest' });
});

story('an object of another release is served', async (t, world) => {
  const old = world.publish('1.1.0').object;
  const { object } = world.publish('1.2.0');
  world.web.lies(OBJECT, answersFor(objectPath(old.sha256)));
  const text = isNot(object.sha256, old.sha256);
  await refuses(t, world, { exit: 21, says: text, learns: 'manifest' });
  world.web.repents();
  await installs(t, world, '1.2.0');
});

story(
  'the publisher moves on again and again, and each time a thief replaces the object',
  async (t, world) => {
    for (const version of ['1.1.0', '1.2.0', '1.3.0']) {
      world.publish(version);
      world.web.lies(OBJECT, says(`malicious ${version}`));
      const text = /an object is not what .*[^]*\(21 bytes\)[^]*\(15 bytes\)/;
      await refuses(t, world, { exit: 21, says: text, learns: 'manifest' });
      world.web.repents();
      await installs(t, world, version);
    }
  },
);

story('an object has no end', async (t, world) => {
  world.publish('1.1.0');
  world.web.lies(OBJECT, endless);
  await refuses(t, world, { exit: 21, says: /another length/, learns: 'manifest' });
});

story('a compression bomb hides behind a small object', async (t, world) => {
  const bomb = brotliCompressSync(Buffer.alloc(50_000_000));
  const source = world.forge.object(bomb);
  const sources = [{ ...source, encoding: 'br' as const }];
  world.publish('1.1.0', { component: { sources } });
  await refuses(t, world, {
    exit: 21,
    says: /component qx-node[^]*found +more than 21 bytes/,
    learns: 'manifest',
  });
});

story('a host that has a release is asked for nothing twice', async (t, world) => {
  world.publish('1.1.0');
  await installs(t, world, '1.1.0');
  world.web.asked();
  await installs(t, world, '1.1.0');
  t.notOk(world.web.asked().some((path) => OBJECT.test(path)));
});

story('a manifest is replaced on the server', async (t, world) => {
  const path = manifestOf(world.publish('1.1.0'));
  world.forge.put(path, flipped(world.forge.read(path)));
  await refuses(t, world, {
    exit: 21,
    says: /not the one that was signed for/,
    learns: 'pointer',
  });
});

story('a mirror withholds the manifest', async (t, world) => {
  world.publish('1.1.0');
  world.web.lies(MANIFEST, withholds());
  await refuses(t, world, {
    exit: 10,
    says: /manifest that the pointer names is missing/,
    learns: 'pointer',
  });
});

story('a mirror withholds the signature of the manifest', async (t, world) => {
  const { pointer } = world.publish('1.1.0');
  world.forge.remove(signaturePath(pointer.manifests.any?.sha256 ?? ''));
  await refuses(t, world, { exit: 20, says: /found +no signature/, learns: 'pointer' });
});

story('the thief of the channel key signs a manifest', async (t, world) => {
  const path = manifestOf(world.publish('1.1.0'));
  putSigned(world.forge, path, world.forge.read(path), world.forge.keys.channel);
  await refuses(t, world, { exit: 20, says: /belongs to "channel"/, learns: 'pointer' });
});

story(
  'the thief of the channel key points to an old release without saying so',
  async (t, world) => {
    world.publish('1.1.0');
    await installs(t, world, '1.1.0');
    world.publish('1.0.5');
    await refuses(t, world, {
      exit: 22,
      says: /an older version than the one installed/,
      learns: 'pointer',
    });
  },
);

story('the thief of the channel key steps back below the floor', async (t, world) => {
  world.publish('1.1.0', { manifest: { floor: 2 } });
  await installs(t, world, '1.1.0');
  world.publish('1.0.5', { manifest: { release: 1 }, pointer: { rollback: true } });
  await refuses(t, world, {
    exit: 22,
    says: /below the floor of this host/,
    learns: 'manifest',
  });
});

story('the floor of a new root shuts out a release that was good', async (t, world) => {
  putRoot(world.forge, 2, { floors: { 'quantix-os': 9 } }, world.forge.keys.root);
  world.publish('1.1.0');
  await refuses(t, world, {
    exit: 22,
    says: /release 9 or higher/,
    learns: 'manifest',
    walksTo: 2,
  });
});

story('an old manifest is named by a new pointer', async (t, world) => {
  const { pointer } = world.publish('1.0.5');
  const next = encodePointer({ ...pointer, version: '1.1.0', serial: 3 });
  world.forge.pointer(next);
  await refuses(t, world, {
    exit: 23,
    says: /the manifest is of another version/,
    learns: 'pointer',
  });
});

for (const { name, field, value } of [
  {
    name: 'the manifest of another product is named',
    field: 'product',
    value: 'quantix-vdc',
  },
  {
    name: 'the manifest of another repository is named',
    field: 'repository',
    value: 'laboratory',
  },
  {
    name: 'the manifest of another architecture is named',
    field: 'arch',
    value: 'riscv64',
  },
]) {
  story(name, async (t, world) => {
    const editManifest = (bytes: Buffer): Buffer => withFields(bytes, { [field]: value });
    world.publish('1.1.0', { editManifest });
    await refuses(t, world, {
      exit: 23,
      says: /the manifest is of another/,
      learns: 'pointer',
    });
  });
}

story(
  'the thief of release and channel key writes where the host allows nothing',
  async (t, world) => {
    world.publish('1.1.0', { component: { install_path: '/etc/shadow' } });
    await refuses(t, world, {
      exit: 25,
      says: /does not allow that install path/,
      learns: 'manifest',
    });
  },
);

story(
  'a stolen release key is taken out, and what it signed counts no more',
  async (t, world) => {
    const { root, stranger } = world.forge.keys;
    world.publish('1.1.0');
    const fields = {
      keys: { ...world.forge.root.keys, ...listed(stranger) },
      roles: { ...world.forge.root.roles, release: role(1, stranger) },
    };
    putRoot(world.forge, 2, fields, root);
    await refuses(t, world, {
      exit: 20,
      says: /role "release"/,
      learns: 'pointer',
      walksTo: 2,
      forgets: 'floors',
    });
  },
);

story(
  'what a stolen release key signed is not what a host goes back to by itself',
  async (t, world) => {
    const { root, channel } = world.forge.keys;
    const next = fixedKey(21);
    world.publish('6.6.6');
    await installs(t, world, '6.6.6');
    const roles = { ...world.forge.root.roles, release: role(1, next) };
    putRoot(world.forge, 2, { keys: listed(root, channel, next), roles }, root);
    const path = manifestOf(world.publish('6.6.7'));
    putSigned(world.forge, path, world.forge.read(path), next);
    await installs(t, world, '6.6.7');
    const back = await world.client({ args: ['rollback'] });
    t.equal(back.status, 20, back.stderr);
    t.match(back.stderr, /a release key was replaced[^]*rollback --to 6\.6\.6/);
    t.equal((await world.client({ args: ['rollback', '--to', '6.6.6'] })).status, 0);
  },
);

story('a server sends the client to a file of the host', async (t, world) => {
  world.publish('1.1.0');
  world.web.lies(
    OBJECT,
    redirects(() => 'file:///etc/passwd'),
  );
  await refuses(t, world, { exit: 10, says: /redirect/, learns: 'manifest' });
});

story('a server sends the client round in a circle', async (t, world) => {
  world.publish('1.1.0');
  world.web.lies(
    OBJECT,
    redirects((url) => url),
  );
  await refuses(t, world, { exit: 10, says: /too many redirects/, learns: 'manifest' });
});

story('a server lets the download trickle', async (t, world) => {
  world.host.configure({ stall_timeout: '1s' });
  world.publish('1.1.0', { content: Buffer.alloc(100_000, 'x') });
  world.web.lies(OBJECT, trickles);
  await refuses(t, world, { exit: 10, says: /too slowly/, learns: 'manifest' });
});

story('a server takes the request and says nothing', async (t, world) => {
  world.host.configure({ connect_timeout: '1s', stall_timeout: '1s' });
  world.publish('1.1.0');
  world.web.lies(OBJECT, hangs);
  const text = /the host does not answer[^]*within 1 s/;
  await refuses(t, world, { exit: 10, says: text, learns: 'manifest' });
});

story('a server lies about the length', async (t, world) => {
  world.publish('1.1.0');
  world.web.lies(
    OBJECT,
    announces((length) => length + 10),
  );
  await refuses(t, world, { exit: 21, says: /another length/, learns: 'manifest' });
});

story('a server compresses what was asked for as it is', async (t, world) => {
  world.publish('1.1.0');
  world.web.lies(MANIFEST, encodes('gzip'));
  await refuses(t, world, { exit: 10, says: /compressed a file/, learns: 'pointer' });
  world.web.lies(OBJECT, encodes('br'));
  world.web.lies(MANIFEST, answersFor(manifestOf(world.publish('1.2.0'))));
  await refuses(t, world, { exit: 10, says: /compressed a file/, learns: 'manifest' });
});
