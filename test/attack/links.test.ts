import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import type { Component } from '../../client/format/manifest.ts';
import { objectPath } from '../../client/format/tree.ts';
import { nodeFrom, sha256 } from '../support/forge.ts';
import { needsRoot } from '../support/needs.ts';
import { installed, installs, refuses } from './judge.ts';
import { stories, type World } from './world.ts';

/**
 * Another user of the host could write into a folder of the client for a while, and has left something there: links to
 * files of root, pipes, files of his own. Or he shares the folder above, as in /tmp.
 */

const story = stories(t, needsRoot());
const NOBODY = 65534;
const STAGING = '/data/components/staging';
const STORE = '/data/components/store';
const STATES = ['/data/updates/state-0.json', '/data/updates/state-1.json'] as const;

/** A file of root that the other user would like to be changed, or read out. */
interface Victim {
  path: string;
  untouched(t: Test): void;
}

function victimOf({ host }: World): Victim {
  const path = host.path('/etc/shadow');
  fs.mkdirSync(host.path('/etc'), { recursive: true });
  fs.writeFileSync(path, 'root:secret\n', { mode: 0o600 });
  const look = () => {
    const { mode, uid, ino, mtimeMs } = fs.statSync(path);
    return { text: fs.readFileSync(path, 'utf8'), mode, uid, ino, mtimeMs };
  };
  const before = look();
  return { path, untouched: (t) => t.same(look(), before, 'the victim is as it was') };
}

/** As the other user leaves it: his. */
function plant({ host }: World, place: string, make: (path: string) => void): string {
  const file = host.path(place);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.rmSync(file, { recursive: true, force: true });
  make(file);
  fs.lchownSync(file, NOBODY, NOBODY);
  return file;
}

const linkTo =
  (target: string) =>
  (file: string): void =>
    fs.symlinkSync(target, file);
const fileWith =
  (bytes: string | Uint8Array, mode = 0o644) =>
  (file: string): void =>
    fs.writeFileSync(file, bytes, { mode });
const pipe = (file: string): void => void spawnSync('mkfifo', [file]);

/** 1.1.0, and the digests of its object and content, which are the same bytes. */
function next(world: World): { bytes: Buffer; digest: string } {
  const { object } = world.publish('1.1.0');
  return { bytes: world.forge.read(objectPath(object.sha256)), digest: object.sha256 };
}

story('links to a file of root lie in staging under every name', async (t, world) => {
  const victim = victimOf(world);
  const { digest } = next(world);
  for (const name of ['', '.part', '.new', '.new.old'])
    plant(world, `${STAGING}/${digest}${name}`, linkTo(victim.path));
  await installs(t, world, '1.1.0');
  victim.untouched(t);
});

story('pipes lie in staging, and nobody writes into them', async (t, world) => {
  const { digest } = next(world);
  for (const name of ['', '.part', '.new'])
    plant(world, `${STAGING}/${digest}${name}`, pipe);
  await installs(t, world, '1.1.0');
});

story('the right bytes lie in staging, in files of another user', async (t, world) => {
  const { bytes, digest } = next(world);
  const files = ['', '.part'].map((name) =>
    fs.openSync(plant(world, `${STAGING}/${digest}${name}`, fileWith(bytes)), 'r+'),
  );
  await installs(t, world, '1.1.0');
  // He has them open still.
  for (const file of files) fs.writeSync(file, '#!/bin/sh\necho own', 0);
  t.equal(installed(world.host), '1.1.0');
});

story('staged bytes are swapped between download and apply', async (t, world) => {
  const { digest } = next(world);
  t.equal((await world.client({ args: ['download'] })).status, 0);
  const staged = world.host.path(`${STAGING}/${digest}`);
  fs.writeFileSync(staged, '#!/bin/sh\necho owned\n');
  await refuses(t, world, {
    exit: 21,
    says: /another (?:digest|length)/,
    learns: 'manifest',
  });
  t.notOk(fs.existsSync(staged), 'and is not found again');
  await installs(t, world, '1.1.0');
});

/** Two components, of which the second is fetched when the first lies in staging, verified. */
function publishTwo({ forge, ...world }: World): { first: string; second: string } {
  const parts = ['qx-node', 'qx-console'].map((name): Component => {
    const content = Buffer.from(`#!/bin/sh\necho 1.1.0\n# ${name}\n`);
    const component = nodeFrom('1.1.0', content, forge.object(content));
    return { ...component, name, install_path: `/data/bin/${name}` };
  });
  world.publish('1.1.0', { manifest: { components: parts } });
  const [first = '', second = ''] = parts.map(({ content }) => content.sha256);
  return { first, second };
}

story(
  'bytes are swapped in the middle of the run that has verified them',
  async (t, world) => {
    const { first, second } = publishTwo(world);
    let swapped = 0;
    world.web.lies(new RegExp(second), (reply, _request, dir) => {
      const staged = world.host.path(`${STAGING}/${first}`);
      t.equal(sha256(fs.readFileSync(staged)), first, 'it has been verified');
      fs.writeFileSync(staged, '#!/bin/sh\necho owned\n');
      swapped += 1;
      reply.writeHead(200).end(fs.readFileSync(path.join(dir, objectPath(second))));
    });
    await refuses(t, world, { exit: 21, says: /component qx-node/, learns: 'manifest' });
    t.equal(swapped, 1);
    world.web.repents();
    await installs(t, world, '1.1.0');
  },
);

for (const { name, make } of [
  {
    name: 'a link in the store leads to right bytes that another user can change',
    make: (bytes: Buffer) => (file: string) => {
      const own = `${path.dirname(file)}/own`;
      fs.writeFileSync(own, bytes, { mode: 0o755 });
      fs.chownSync(own, NOBODY, NOBODY);
      fs.symlinkSync('own', file);
    },
  },
  {
    name: 'the right bytes lie in the store, in a file of another user',
    make: (bytes: Buffer) => fileWith(bytes, 0o755),
  },
]) {
  story(name, async (t, world) => {
    const { bytes, digest } = next(world);
    const file = plant(world, `${STORE}/${digest}/file-0755`, make(bytes));
    const held = fs.openSync(file, 'r+');
    await installs(t, world, '1.1.0');
    fs.writeSync(held, '#!/bin/sh\necho own', 0);
    t.equal(installed(world.host), '1.1.0');
    t.equal((await world.client({ args: ['verify'] })).status, 0);
  });
}

story('a folder of the store belongs to another user', async (t, world) => {
  const { bytes, digest } = next(world);
  const folder = plant(world, `${STORE}/${digest}`, (at) => {
    fs.mkdirSync(at);
    fs.writeFileSync(`${at}/file-0755`, bytes, { mode: 0o755 });
  });
  await installs(t, world, '1.1.0');
  t.equal(fs.statSync(folder).uid, 0);
});

story('a link is there in the place of a folder of the store', async (t, world) => {
  const victim = victimOf(world);
  const { digest } = next(world);
  plant(world, `${STORE}/${digest}`, linkTo(path.dirname(victim.path)));
  await installs(t, world, '1.1.0');
  t.same(fs.readdirSync(path.dirname(victim.path)), ['shadow']);
  victim.untouched(t);
});

story('the state is a link to one that another user has written', async (t, world) => {
  world.publish('1.1.0');
  const own = plant(world, '/tmp/state.json', fileWith('{}'));
  fs.copyFileSync(world.host.path(STATES[1]), own);
  plant(world, STATES[1], linkTo(own));
  await refuses(t, world, { exit: 78, says: /found +a link/ });
});

story('the state is a file of another user, with lower floors', async (t, world) => {
  world.publish('1.1.0');
  for (const file of STATES) {
    const text = fs.readFileSync(world.host.path(file), 'utf8');
    plant(world, file, fileWith(text.replaceAll('"floors"', '"floor"')));
  }
  await refuses(t, world, { exit: 78, says: /belongs to user 65534/ });
});

story('the state is a pipe that nobody writes into', async (t, world) => {
  world.publish('1.1.0');
  for (const file of STATES) plant(world, file, pipe);
  const { status, stderr } = await world.client();
  t.equal(status, 78, stderr);
  t.match(stderr, /found +no plain file/);
  t.equal(installed(world.host), '1.0.0');
});

story('a root of a thief lies among the accepted ones', async (t, world) => {
  world.publish('1.1.0');
  plant(world, '/data/updates/trust/example/2.json', fileWith(world.forge.rootBytes));
  await refuses(t, world, { exit: 78, says: /belongs to user 65534/ });
});

story('the journal of another user says what to go back to', async (t, world) => {
  world.publish('1.1.0');
  plant(world, '/data/updates/journal.json', fileWith('{}'));
  await refuses(t, world, { exit: 78, says: /belongs to user 65534/ });
});

story('links lie in the place of everything that may be made anew', async (t, world) => {
  const victim = victimOf(world);
  world.publish('1.1.0');
  for (const name of [
    'update.log',
    'history.ndjson',
    'last-check.json',
    'activity.json',
    'activity.json.new',
    'room',
    'room.new',
    'journal.json.new',
    'state-0.json.new',
    'state-1.json.new',
    'pointers/quantix-os/stable.json',
    'pointers/quantix-os/stable.minisig',
  ])
    plant(world, `/data/updates/${name}`, linkTo(victim.path));
  await installs(t, world, '1.1.0');
  victim.untouched(t);
});

story('pipes lie in the place of everything that may be made anew', async (t, world) => {
  world.publish('1.1.0');
  for (const name of [
    'update.log',
    'history.ndjson',
    'last-check.json',
    'activity.json',
    'pointers/quantix-os/stable.json',
  ])
    plant(world, `/data/updates/${name}`, pipe);
  await installs(t, world, '1.1.0');
  t.equal((await world.client({ args: ['status'] })).status, 0);
});

story('the lock is a link to a file of root', async (t, world) => {
  const victim = victimOf(world);
  world.publish('1.1.0');
  plant(world, '/data/updates/lock', linkTo(victim.path));
  await refuses(t, world, { exit: 31, says: /updates\/lock/ });
  victim.untouched(t);
});

for (const { name, make } of [
  {
    name: 'in a folder like /tmp another user was first, with a folder of his own',
    make: (file: string) => fs.mkdirSync(file),
  },
  {
    name: 'in a folder like /tmp another user was first, with a link to a folder of root',
    make: linkTo('/etc'),
  },
]) {
  story(name, async (t, world) => {
    const victim = victimOf(world);
    fs.mkdirSync(world.host.path('/shared'));
    fs.chmodSync(world.host.path('/shared'), 0o1777);
    for (const key of ['storage', 'state_dir']) {
      world.host.configure({ [key]: `/shared/${key}` });
      plant(world, `/shared/${key}`, make);
      const { status, stderr } = await world.client();
      t.equal(status, 78, stderr);
      t.match(stderr, /belongs to user 65534/);
    }
    t.equal(installed(world.host), '1.0.0');
    victim.untouched(t);
  });
}
