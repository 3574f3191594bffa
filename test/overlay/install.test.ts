import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { needs } from '../support/needs.ts';
import { type Finished, programPath, run } from '../support/process.ts';
import { ROOT } from '../support/setup.mjs';
import { snapshot } from '../support/snapshot.ts';

const SCRIPT = path.join(ROOT, 'overlay/install.sh');
const LIBRARY = 'usr/lib/quantix-update';
const CLIENT = '#!/usr/bin/env node\n// a client\n';

/** The root folder of an image, with a crond, and beside it a client. */
function makeImage(t: Test, image: Record<string, string> = {}): string {
  const dir = t.testdir({ 'client.cjs': CLIENT, image: {} });
  for (const [name, content] of Object.entries({ 'usr/sbin/crond': '', ...image })) {
    const file = path.join(dir, 'image', name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, content);
  }
  return path.join(dir, 'image');
}

function install(image: string, ...more: string[]): Promise<Finished> {
  const client = path.join(path.dirname(image), 'client.cjs');
  return run('busybox', ['ash', SCRIPT, '--client', client, ...more, image]);
}

/** Every file of the overlay that an appliance has, by its path there. */
function filesOf(top: string): string[] {
  return fs
    .readdirSync(path.join(ROOT, 'overlay', top), { recursive: true, encoding: 'utf8' })
    .map((name) => path.join(top, name))
    .filter((name) => fs.statSync(path.join(ROOT, 'overlay', name)).isFile());
}

t.test(
  'an image gets every file, and programs can be run',
  needs('busybox'),
  async (t) => {
    const image = makeImage(t);
    t.match(await install(image), { status: 0, stdout: '', stderr: '' });
    const files = [...filesOf('etc'), ...filesOf('usr')].filter(
      (name) => !name.startsWith('usr/lib/systemd/'),
    );
    t.ok(files.length > 3, `${files.length} files`);
    for (const name of files) {
      const bytes = fs.readFileSync(path.join(ROOT, 'overlay', name), 'utf8');
      t.equal(fs.readFileSync(path.join(image, name), 'utf8'), bytes, name);
      const mode = fs.statSync(path.join(image, name)).mode & 0o7777;
      t.equal(
        mode,
        bytes.startsWith('#!') ? 0o755 : 0o644,
        `${name}: ${mode.toString(8)}`,
      );
    }
    t.same(
      fs.readdirSync(image).sort(),
      ['etc', 'usr'],
      'and nothing that is not for it',
    );
    t.notOk(fs.existsSync(path.join(image, 'usr/lib/systemd')), 'no units unless asked');
  },
);

t.test(
  'the client is there, and /usr/bin/qx-update leads to its wrapper',
  needs('busybox'),
  async (t) => {
    const image = makeImage(t, { 'usr/bin/qx-update': 'a client as a file' });
    await install(image);
    const baked = path.join(image, LIBRARY, 'qx-update.cjs');
    t.equal(fs.readFileSync(baked, 'utf8'), CLIENT);
    t.equal(fs.statSync(baked).mode & 0o777, 0o755);
    t.equal(
      fs.readlinkSync(path.join(image, 'usr/bin/qx-update')),
      `/${LIBRARY}/qx-update`,
    );
  },
);

t.test(
  'the client that was built is taken when none is named',
  needs('busybox'),
  async (t) => {
    const built = programPath('qx-update');
    const image = makeImage(t);
    t.match(await run('busybox', ['ash', SCRIPT, image]), { status: 0, stderr: '' });
    const baked = fs.readFileSync(path.join(image, LIBRARY, 'qx-update.cjs'));
    t.ok(baked.equals(fs.readFileSync(built)));
    const wrapper = path.join(image, LIBRARY, 'qx-update');
    const version = await run('busybox', ['ash', wrapper, '--version'], {
      env: { ROOT: image },
    });
    t.match(version, { status: 0, stdout: /^qx-update \d/ });
  },
);

t.test('every service has a link in its runlevel', needs('busybox'), async (t) => {
  const image = makeImage(t);
  await install(image);
  const links = (runlevel: string): string[] => {
    const folder = path.join(image, 'etc/runlevels', runlevel);
    const names = fs.readdirSync(folder).sort();
    for (const name of names)
      t.equal(fs.readlinkSync(path.join(folder, name)), `/etc/init.d/${name}`);
    return names;
  };
  t.same(links('boot'), ['quantix-overlay-mounts', 'quantix-update-check']);
  t.same(links('default'), [
    'quantix-cron',
    'quantix-node',
    'quantix-update-serve',
    'quantix-update-verify',
  ]);
});

t.test(
  'whatever the umask of who builds, everybody may read it',
  needs('busybox'),
  async (t) => {
    const image = makeImage(t);
    const client = path.join(path.dirname(image), 'client.cjs');
    const words = ['busybox', 'ash', SCRIPT, '--client', client, image];
    const made = await run('sh', ['-c', 'umask 077; exec "$@"', 'sh', ...words]);
    t.match(made, { status: 0, stderr: '' });
    for (const name of ['etc/runlevels/default', 'usr/bin', LIBRARY])
      t.equal(fs.statSync(path.join(image, name)).mode & 0o777, 0o755, name);
  },
);

t.test(
  'a link in the place of one of ours is replaced, not followed',
  needs('busybox'),
  async (t) => {
    const image = makeImage(t, { 'usr/bin/other/file': '' });
    fs.symlinkSync('other', path.join(image, 'usr/bin/qx-update'));
    await install(image);
    t.equal(
      fs.readlinkSync(path.join(image, 'usr/bin/qx-update')),
      `/${LIBRARY}/qx-update`,
    );
    t.same(fs.readdirSync(path.join(image, 'usr/bin/other')), ['file']);
  },
);

t.test('a second time changes nothing', needs('busybox'), async (t) => {
  const image = makeImage(t);
  await install(image);
  const before = snapshot(image);
  t.match(await install(image), { status: 0, stdout: '', stderr: '' });
  t.same(snapshot(image), before);
});

t.test(
  'what somebody set in etc/conf.d stays, and files of ours are replaced',
  needs('busybox'),
  async (t) => {
    const [setting] = filesOf('etc/conf.d');
    const cron = 'etc/periodic/15min/qx-update';
    const image = makeImage(t, {
      [setting as string]: 'mine=1\n',
      [cron]: 'an older one',
    });
    await install(image);
    t.equal(fs.readFileSync(path.join(image, setting as string), 'utf8'), 'mine=1\n');
    t.match(fs.readFileSync(path.join(image, cron), 'utf8'), /^#!\/bin\/sh/);
  },
);

t.test('links within the image are followed', needs('busybox'), async (t) => {
  const image = makeImage(t, { 'lib/here': '' });
  fs.symlinkSync('../lib', path.join(image, 'usr/lib'));
  t.match(await install(image), { status: 0, stderr: '' });
  t.ok(fs.existsSync(path.join(image, 'lib/quantix-update/qx-update')));
});

/** What is wrong: the words after install.sh and what is said. `dir` holds the image and a client. */
const REFUSED: [string, (dir: string) => string[], RegExp][] = [
  ['no folder', () => [], /usage/],
  ['two folders', (dir) => [`${dir}/image`, `${dir}/image`], /usage/],
  ['an unknown option', (dir) => ['--force', `${dir}/image`], /usage/],
  ['an option without its value', () => ['--client'], /usage/],
  ['an empty name', () => [''], /"" is no folder/],
  ['a folder that is not there', (dir) => [`${dir}/imgae`], /imgae" is no folder/],
  ['a file', (dir) => [`${dir}/client.cjs`], /client\.cjs" is no folder/],
  [
    'a client that is not there',
    (dir) => ['--client', `${dir}/none`, `${dir}/image`],
    /no client at .*none; .*--client/,
  ],
  [
    'a client that is something else',
    (dir) => ['--client', '/bin/sh', `${dir}/image`],
    /\/bin\/sh is no client: its first line names no node/,
  ],
];

for (const [what, words, said] of REFUSED) {
  t.test(`${what} is refused`, needs('busybox'), async (t) => {
    const image = makeImage(t);
    const args = words(path.dirname(image));
    const { status, stdout, stderr } = await run('busybox', ['ash', SCRIPT, ...args]);
    t.equal(status, 2);
    t.match(stderr, said);
    t.match(stderr, /^install\.sh: [^\n]*\n$/, 'in one line');
    t.equal(stdout, '');
    t.same(fs.readdirSync(image), ['usr'], 'and nothing was written');
  });
}

t.test(
  'an image whose links lead to this machine does not change it',
  needs('busybox'),
  async (t) => {
    const links: [string, string][] = [
      ['usr/lib', 'outside'],
      ['etc', 'outside'],
      ['usr/bin', 'missing'],
    ];
    for (const [link, target] of links) {
      const image = makeImage(t);
      const outside = path.join(path.dirname(image), 'outside');
      fs.mkdirSync(outside);
      fs.mkdirSync(path.dirname(path.join(image, link)), { recursive: true });
      fs.symlinkSync(`${path.dirname(image)}/${target}`, path.join(image, link));
      const { status, stderr } = await install(image);
      t.equal(status, 2, link);
      t.match(stderr, /leads out of the image|is no folder/);
      t.same(fs.readdirSync(outside), []);
    }
  },
);

t.test('an image that cannot run cron is warned of', needs('busybox'), async (t) => {
  const image = makeImage(t);
  fs.rmSync(path.join(image, 'usr/sbin/crond'));
  t.match(await install(image), {
    status: 0,
    stderr: /^install\.sh: warning: .*no crond/,
  });
  fs.symlinkSync('/bin/another-busybox', path.join(image, 'usr/sbin/crond'));
  t.match(await install(image), { status: 0, stderr: '' });
});

t.test('a folder in the place of a file is refused', needs('busybox'), async (t) => {
  const image = makeImage(t, { 'usr/bin/qx-update/file': '' });
  t.match(await install(image), { status: 2, stderr: /usr\/bin\/qx-update is a folder/ });
});
