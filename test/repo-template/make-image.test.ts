import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { parseSlotImage } from '../../client/format/slot-image.ts';
import { needs } from '../support/needs.ts';
import { type Finished, qxRepo, run } from '../support/process.ts';
import { seeded } from '../support/seeded.ts';
import { ROOT } from '../support/setup.mjs';

const SCRIPT = path.join(ROOT, 'repo-template/image/make-image.sh');
const TOOLS = needs('busybox', 'mksquashfs', 'debugfs', 'grub-fstest', 'flock');

/** As a build leaves them: a small root folder, a kernel and an initramfs that no compressor makes smaller. */
function makeInputs(dir: string): void {
  const chance = seeded(1);
  const put = (name: string, content: string | Buffer, mode = 0o644): void => {
    fs.mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
    fs.writeFileSync(path.join(dir, name), content);
    fs.chmodSync(path.join(dir, name), mode);
  };
  put('vmlinuz', chance.bytes(300_000));
  put('initramfs', chance.bytes(100_000));
  put('root/usr/bin/node', '#!/bin/sh\n', 0o755);
  put('root/etc/a name with spaces', 'x\n');
  put('root/.hidden', 'y\n');
  put('root/boot/vmlinuz', 'the kernel that the build used');
  fs.symlinkSync('../usr/bin/node', path.join(dir, 'root/etc/node'));
}

interface Asked {
  layout: string;
  out?: string;
  env?: Record<string, string>;
  more?: string[];
}

function make(
  dir: string,
  { layout, out = 'out', env, more = [] }: Asked,
): Promise<Finished> {
  const input = ['--kernel', 'vmlinuz', '--initramfs', 'initramfs'];
  const about = ['--arch', 'x86_64', '--compatible', 'quantix-os', '--version', '1.5.0'];
  const words = ['--layout', layout, ...input, ...about, ...more, 'root', out];
  const options = env === undefined ? { cwd: dir } : { cwd: dir, env };
  return run('busybox', ['ash', SCRIPT, ...words], options);
}

const digest = (file: string): string =>
  createHash('sha256').update(fs.readFileSync(file)).digest('hex');

for (const layout of ['A', 'B'] as const) {
  t.test(`layout ${layout}`, TOOLS, async (t) => {
    const dir = t.testdir({});
    makeInputs(dir);
    const more = ['--component', 'qx-node=1.5.0', '--component', 'host-ui=1.4.0'];
    const made = await make(dir, { layout, more });
    t.equal(made.status, 0, made.stderr);
    const image = path.join(dir, 'out');

    await t.test('GRUB reads kernel and initramfs from it', async (t) => {
      for (const name of ['vmlinuz', 'initramfs']) {
        const read = await run('sh', [
          '-c',
          `grub-fstest "$1" cat "(loop0)/boot/${name}" | cmp - "$2"`,
          'sh',
          image,
          path.join(dir, name),
        ]);
        t.equal(read.status, 0, read.stdout + read.stderr);
      }
    });

    await t.test('it says what it is', (t) => {
      const bytes = fs.readFileSync(image);
      t.same(
        parseSlotImage(bytes.subarray(0, 2048), bytes.subarray(-4096), bytes.length),
        {
          layout,
          about: {
            layout,
            arch: 'x86_64',
            compatible: 'quantix-os',
            version: '1.5.0',
            components: { 'qx-node': '1.5.0', 'host-ui': '1.4.0' },
          },
        },
      );
      t.equal(bytes.length % 4096, 0);
      t.end();
    });

    await t.test('it holds the root folder, and no kernel of the build', (t) =>
      holdsRoot(t, dir, layout),
    );

    await t.test('the same input gives the same bytes', async (t) => {
      const later = new Date(Date.now() + 86_400_000);
      fs.utimesSync(path.join(dir, 'root/.hidden'), later, later);
      const env = { TZ: 'Asia/Tokyo', TMPDIR: t.testdir({}) };
      const again = await make(dir, { layout, more, out: 'again', env });
      t.equal(again.status, 0, again.stderr);
      t.equal(digest(path.join(dir, 'again')), digest(image));
    });

    await t.test('qx-repo publishes it, and knows the rest from it', async (t) => {
      const workspace = path.join(t.testdir({}), 'w');
      const init = ['init', workspace, '--repository', 'example', '--no-password'];
      t.equal((await qxRepo(init)).status, 0);
      const flags = [
        '--product',
        'quantix-os',
        '--bump',
        '--image',
        image,
        '--channel',
        'dev',
      ];
      const done = await qxRepo(['generate', ...flags, '--json'], { cwd: workspace });
      t.match(JSON.parse(done.stdout), { version: '1.5.0', state: 'published' });
      const verified = await qxRepo(['verify'], { cwd: workspace });
      t.equal(verified.status, 0, verified.stderr);
    });
  });
}

/** What unsquashfs finds in the image, or for layout B in the squashfs inside it. */
async function holdsRoot(t: Test, dir: string, layout: 'A' | 'B'): Promise<void> {
  const squashfs = path.join(dir, 'squashfs');
  const inside = `debugfs -R 'dump quantix/system.squashfs ${squashfs}' out`;
  const get = layout === 'A' ? `cp out ${squashfs}` : inside;
  await run('sh', ['-c', get], { cwd: dir });
  const found = path.join(t.testdir({}), 'found');
  const unpacked = await run('unsquashfs', ['-no-progress', '-d', found, squashfs]);
  t.equal(unpacked.status, 0, unpacked.stderr);
  t.equal(fs.readFileSync(path.join(found, 'etc/a name with spaces'), 'utf8'), 'x\n');
  t.equal(fs.readFileSync(path.join(found, '.hidden'), 'utf8'), 'y\n');
  t.equal(fs.readlinkSync(path.join(found, 'etc/node')), '../usr/bin/node');
  t.equal(fs.statSync(path.join(found, 'usr/bin/node')).mode & 0o777, 0o755);
  const boot = path.join(found, 'boot');
  if (layout === 'B') t.notOk(fs.existsSync(boot));
  else t.equal(digest(path.join(boot, 'vmlinuz')), digest(path.join(dir, 'vmlinuz')));
}

t.test('a wrong call leaves nothing behind', TOOLS, async (t) => {
  const dir = t.testdir({});
  makeInputs(dir);
  const before = fs.readdirSync(dir);
  const wrong: [Asked, RegExp][] = [
    [{ layout: 'C' }, /--layout is A or B/],
    [{ layout: 'A', more: ['--component', 'qx-node'] }, /is not NAME=VERSION/],
    [
      { layout: 'A', more: ['--version', '1"0'] },
      /--version: "1"0" is no name or version/,
    ],
    [{ layout: 'B', more: ['--kernel', 'missing'] }, /--kernel: no file missing/],
    [{ layout: 'B', more: ['--unknown', 'x'] }, /make-image.sh --layout/],
  ];
  for (const [asked, says] of wrong) {
    const refused = await make(dir, asked);
    t.equal(refused.status, 2, refused.stderr);
    t.match(refused.stderr, says);
  }
  t.same(fs.readdirSync(dir), before);
});
