import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { hashFile } from '../../../client/content/hash.ts';
import { listFolder } from '../../../client/content/folder.ts';
import { hashFolder, packFolder } from '../../../client/content/pack.ts';
import { inPiecesOf } from '../../../client/content/pieces.ts';
import { unpackFolder } from '../../../client/content/unpack.ts';
import { nodeFiles } from '../../../client/effects/files.ts';
import { seeded } from '../../support/seeded.ts';

const files = nodeFiles();
const LONG = `${'p'.repeat(90)}/${'q'.repeat(120)}`;

async function pack(root: string): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of packFolder(files, root, await listFolder(files, root))) {
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

const CONTENTS: [name: string, text: string, mode: number][] = [
  ['index.html', '<!doctype html>', 0o644],
  ['static/app.js', 'x'.repeat(3_000_000), 0o640],
  ['static/a-b', '', 0o600],
  ['static.d/é ü', 'text', 0o644],
  ['bin/tool', '#!/bin/sh\n', 0o755],
  ['.dot', '512'.padEnd(512), 0o664],
  [LONG, 'long', 0o644],
];

/** The same folder, made in one of many ways. */
function build(root: string, order: 1 | -1, umask: number, time: number): void {
  const before = process.umask(umask);
  const contents = order === 1 ? CONTENTS : [...CONTENTS].reverse();
  for (const [name, text, mode] of contents) {
    const target = path.join(root, name);
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.writeFileSync(target, text);
    fs.chmodSync(target, umask === 0o077 && mode === 0o755 ? 0o700 : mode);
    fs.utimesSync(target, time, time);
  }
  fs.mkdirSync(path.join(root, 'empty'), { recursive: true });
  fs.symlinkSync('../bin/tool', path.join(root, 'static', 'link'));
  process.umask(before);
}

t.test('one folder, made in two ways, has one archive', async (t) => {
  const base = t.testdir({});
  build(`${base}/a`, 1, 0o022, 1_000_000_000);
  build(`${base}/b`, -1, 0o077, 1_700_000_000);
  const bytes = await pack(`${base}/a`);
  t.ok(bytes.equals(await pack(`${base}/b`)), 'the same bytes');
  t.equal(bytes.length % 512, 0);
  fs.chmodSync(`${base}/b/index.html`, 0o755);
  t.notOk(bytes.equals(await pack(`${base}/b`)), 'an execute bit counts');
});

t.test('pack, unpack and pack again give the same bytes', async (t) => {
  const base = t.testdir({});
  build(`${base}/a`, 1, 0o022, 1);
  const bytes = await pack(`${base}/a`);
  const again = (async function* () {
    yield bytes;
  })();
  await unpackFolder(files, again, `${base}/out`);
  t.ok(bytes.equals(await pack(`${base}/out`)));
  const descriptor = {
    sha256: createHash('sha256').update(bytes).digest('hex'),
    size: bytes.length,
  };
  t.same(await hashFolder(files, `${base}/out`), descriptor);
  fs.writeFileSync(`${base}/x.tar`, bytes);
  t.same(await hashFile(files, `${base}/x.tar`), descriptor);
});

t.test(
  'GNU tar writes the very same archive from the sorted list of names',
  async (t) => {
    const base = t.testdir({});
    build(`${base}/a`, -1, 0o022, 1_600_000_000);
    fs.rmSync(`${base}/a/${LONG}`);
    // Mode 0777 for links is what the disk says; --mode would change it, so modes are set on disk instead.
    execFileSync('chmod', ['-R', 'u=rwX,go=rX', `${base}/a`]);
    const script =
      "find . -mindepth 1 \\( -type d -printf '%p/\\n' -o -printf '%p\\n' \\) | LC_ALL=C sort |" +
      ' tar --format=ustar --owner=0 --group=0 --numeric-owner --mtime=@0 --blocking-factor=1' +
      ' --no-recursion --verbatim-files-from --files-from=- -cf ../gnu.tar';
    execFileSync('sh', ['-c', script], { cwd: `${base}/a` });
    const ours = await pack(`${base}/a`);
    t.ok(ours.equals(fs.readFileSync(`${base}/gnu.tar`)));
  },
);

t.test('GNU tar and busybox list it and extract the same tree', async (t) => {
  const base = t.testdir({});
  build(`${base}/a`, 1, 0o022, 1);
  fs.writeFileSync(`${base}/x.tar`, await pack(`${base}/a`));
  const utf8 = { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C.UTF-8' } } as const;
  const options = ['--quoting-style=literal', '-tvf', `${base}/x.tar`];
  const listed = execFileSync('tar', options, utf8).trimEnd().split('\n');
  t.match(listed[0], /^-rw-r--r-- 0\/0 +512 1970-01-01 .* \.\/\.dot$/);
  t.match(listed[1], /^drwxr-xr-x .* \.\/bin\/$/);
  t.match(listed[2], /^-rwxr-xr-x .* \.\/bin\/tool$/);
  t.ok(
    listed.some((line) =>
      /^lrwxrwxrwx .* \.\/static\/link -> \.\.\/bin\/tool$/.test(line),
    ),
  );
  const busybox = hasBusybox() ? [['busybox', 'tar']] : [];
  if (busybox.length === 0) t.comment('busybox is not here');
  for (const [program = '', ...args] of [['tar'], ...busybox]) {
    const out = `${base}/${program}`;
    fs.mkdirSync(out);
    execFileSync(program, [...args, '-xf', `${base}/x.tar`, '-C', out], utf8);
    t.same(await hashFolder(files, out), await hashFolder(files, `${base}/a`), program);
  }
});

function hasBusybox(): boolean {
  try {
    execFileSync('busybox', ['true']);
    return true;
  } catch {
    return false;
  }
}

t.test('names are listed by bytes, dot-files included, links not followed', async (t) => {
  const base = t.testdir({
    b: {},
    'b-c': 'x',
    '.a': 'x',
    loop: t.fixture('symlink', '.'),
  });
  const paths = (await listFolder(files, base)).map((entry) => entry.path);
  t.same(paths, ['.a', 'b-c', 'b', 'loop']);
});

t.test('a file that grows or shrinks while it is packed is noticed', async (t) => {
  const base = t.testdir({ a: 'text' });
  const entries = await listFolder(files, base);
  for (const text of ['longer text', 'x']) {
    fs.writeFileSync(`${base}/a`, text);
    const work = async () => {
      for await (const piece of packFolder(files, base, entries)) t.ok(piece);
    };
    await t.rejects(work(), { code: 'disk', where: 'a' }, text);
  }
});

t.test('pieces of one size, however the bytes come', async (t) => {
  const chance = seeded(11);
  const bytes = chance.bytes(10_000);
  const body = (function* () {
    for (let at = 0; at < bytes.length;) {
      const size = chance.below(900);
      yield bytes.subarray(at, at + size);
      at += size;
    }
  })();
  const pieces: Buffer[] = [];
  for await (const piece of inPiecesOf(1024, body)) pieces.push(piece);
  t.same(
    pieces.map((piece) => piece.length),
    [...Array<number>(9).fill(1024), 784],
  );
  t.ok(Buffer.concat(pieces).equals(bytes));
});
