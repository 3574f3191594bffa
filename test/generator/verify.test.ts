import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { brotliCompressSync } from 'node:zlib';
import t from 'tap';
import { encodeManifest } from '../../client/format/manifest.ts';
import { encodeHeader } from '../../client/format/tar.ts';
import { objectPath } from '../../client/format/tree.ts';
import { type Forge, makeForge, sha256 } from '../support/forge.ts';
import { archive, edited, file as tarFile } from '../support/tar.ts';
import { answer, serve } from '../support/web.ts';
import {
  POINTER,
  type Tree,
  flipped,
  flippedSignature,
  published,
  serveFolder,
  treeAt,
} from './trees.ts';
import { NOW, ok, qxRepo, smallRelease, write } from './support.ts';

interface Report {
  problems: Record<string, string>[];
  warnings: Record<string, string>[];
  channels: object[];
  objects: object;
  root: object;
}

interface Verified {
  status: number;
  codes: string[];
  problems: Record<string, string>[];
  warnings: Record<string, string>[];
  report: Report;
}

async function verify(cwd: string, args: string[], now?: string): Promise<Verified> {
  const options = now === undefined ? {} : { now };
  const called = await qxRepo(cwd, ['verify', ...args, '--json'], options);
  if (called.stdout === '') throw new Error(called.stderr);
  const report = JSON.parse(called.stdout) as Report;
  const { problems, warnings } = report;
  return {
    status: called.status,
    codes: problems.map(({ code }) => code ?? ''),
    problems,
    warnings,
    report,
  };
}

/** A pointer that is valid at NOW. */
const LIFE = { issued: NOW, expires: '2026-05-01T00:00:00Z' };

t.test('faults of a tree', async (t) => {
  const original = await published(t.testdir());
  // prettier-ignore
  const faults: [name: string, harm: (tree: Tree) => void, codes: string[], where: (tree: Tree) => string][] = [
    ['a flipped bit in the manifest', (tree) => tree.edit(tree.manifest, (b) => flipped(b, 300)), ['digest'], (tree) => tree.manifest],
    ['a flipped bit in an object', (tree) => tree.edit(tree.object, (b) => flipped(b, b.length - 3)), ['digest'], (tree) => tree.object],
    ['a flipped bit in the pointer', (tree) => tree.edit(POINTER, (b) => flipped(b, 100)), ['signature'], () => POINTER],
    ['a flipped bit in the signature of the manifest', (tree) => tree.edit(tree.manifestSignature, flippedSignature), ['signature'], (tree) => tree.manifest],
    ['a flipped bit in the signature of the pointer', (tree) => tree.edit(tree.pointerSignature, flippedSignature), ['signature'], (tree) => tree.pointerSignature],
    ['a flipped bit in the signature beside the pointer', (tree) => tree.edit(`${POINTER}.minisig`, flippedSignature), ['signature'], () => `${POINTER}.minisig`],
    ['a signature file that is none', (tree) => tree.edit(tree.manifestSignature, () => 'nothing\n'), ['signature'], (tree) => tree.manifestSignature],
    ['no signature of the manifest', (tree) => fs.rmSync(tree.file(tree.manifestSignature)), ['signature'], (tree) => tree.manifest],
    ['a missing manifest', (tree) => fs.rmSync(tree.file(tree.manifest)), ['digest'], (tree) => tree.manifest],
    ['a missing object', (tree) => fs.rmSync(tree.file(tree.object)), ['digest'], (tree) => tree.object],
    ['an object cut short', (tree) => tree.edit(tree.object, (b) => b.subarray(0, 9)), ['digest'], (tree) => tree.object],
    ['an object with a tail', (tree) => tree.edit(tree.object, (b) => Buffer.concat([b, b])), ['digest'], (tree) => tree.object],
    ['an edit that nobody signed', (tree) => tree.edit(POINTER, (b) => b.toString().replace('"1.1.0"', '"1.0.0"')), ['signature'], () => POINTER],
    ['a pointer that is only a stub', (tree) => tree.edit(POINTER, () => '{"product": "quantix-os"}'), ['signature'], () => POINTER],
    ['a page that says another release', (tree) => tree.edit('products/quantix-os/releases-1.json', (b) => b.toString().replace('"release": 2', '"release": 7')), ['malformed'], () => 'products/quantix-os/releases-1.json'],
    ['a page that is no JSON', (tree) => tree.edit('products/quantix-os/releases-1.json', () => '{'), ['malformed', 'malformed'], () => 'products/quantix-os/releases-1.json'],
    ['a page that is gone', (tree) => fs.rmSync(tree.file('products/quantix-os/releases-1.json')), ['malformed', 'malformed'], () => 'products/quantix-os/releases-1.json'],
    ['an index that lists a channel that is not', (tree) => tree.edit('repository.json', (b) => b.toString().replace('"stable"', '"beta", "stable"')), ['malformed'], () => 'channels/quantix-os/beta.json'],
    ['a root that does not follow', (tree) => tree.edit('root/1.json', (b) => b.toString().replace('"version": 1', '"version": 2')), [], () => 'root/1.json'],
  ];
  for (const [name, harm, codes, where] of faults) {
    await t.test(name, async (t) => {
      const copy = path.join(t.testdir(), 'public');
      fs.cpSync(path.join(original, 'public'), copy, { recursive: true });
      const tree = treeAt(copy);
      const expected = where(tree);
      harm(tree);
      const { status, problems, ...verified } = await verify(copy, [copy]);
      t.ok(status >= 20 && status <= 23, `${status}`);
      if (codes.length > 0) t.same(verified.codes, codes, JSON.stringify(problems));
      t.ok(
        problems.some((problem) => problem.where === expected),
        JSON.stringify(problems),
      );
    });
  }
});

t.test('a whole tree, and what is older than anybody wants', async (t) => {
  const workspace = await published(t.testdir());
  const well = await verify(workspace, []);
  t.equal(well.status, 0);
  t.same([well.problems, well.warnings], [[], []]);
  t.match(well.report, { repository: 'test', manifests: 2, objects: { notHere: 0 } });

  const late = '2026-07-01T00:00:00Z';
  t.same((await verify(workspace, [], late)).status, 11, 'an expired pointer');
  t.equal((await verify(workspace, ['--min-life', '89d'])).status, 0);
  const short = await verify(workspace, ['--min-life', '91d']);
  t.equal(short.status, 11);
  t.match(short.problems[0], { where: POINTER, found: '2026-05-30T12:00:00Z' });
  t.equal(
    (await verify(workspace, ['--min-life', '2000d'])).problems.length,
    2,
    'the root too',
  );

  const refused = await qxRepo(workspace, ['verify', '--min-life', 'soon']);
  t.equal(refused.status, 2);
});

t.test('the same tree as a folder, a file URL and a web host', async (t) => {
  const workspace = await published(t.testdir());
  const folder = path.join(workspace, 'public');
  const web = await serveFolder(t, folder);
  for (const place of [workspace, folder, pathToFileURL(folder).href, web]) {
    const { status, report } = await verify(workspace, [place]);
    t.equal(status, 0, place);
    t.match(report.objects, { checked: 8 }, place);
    t.equal(report.channels.length, 1, place);
  }
  const tree = treeAt(folder);
  tree.edit(tree.object, (bytes) => flipped(bytes, 9));
  const harmed = await verify(workspace, [web]);
  t.same(harmed.codes, ['digest']);
  t.equal(harmed.problems[0]?.where, tree.object, 'places are those of the tree');
  t.equal(
    (await verify(workspace, [web, '--fast'])).status,
    0,
    'a quick look reads no objects',
  );
  fs.rmSync(tree.file(tree.object));
  t.same((await verify(workspace, [web, '--fast'])).codes, ['digest'], 'but misses none');
});

t.test('a host that nobody reaches is told from a bad tree', async (t) => {
  const { url } = await serve(t, answer(200));
  const gone = url.replace(/\d+$/, '1');
  t.equal((await qxRepo(t.testdir(), ['verify', gone])).status, 10);
  const nothing = await serve(t, answer(404));
  const called = await qxRepo(t.testdir(), ['verify', nothing.url]);
  t.equal(called.status, 23, 'a host without a tree');
  t.match(called.stderr, /no trust root/);
  const rows: [place: string, status: number][] = [
    ['/nonexistent', 2],
    ['ftp://example.org', 78],
    ['file://host/x', 78],
  ];
  for (const [place, status] of rows)
    t.equal((await qxRepo(t.testdirName, ['verify', place])).status, status, place);
});

t.test('all problems come in one run, and the worst decides', async (t) => {
  const workspace = await published(t.testdir());
  const tree = treeAt(path.join(workspace, 'public'));
  tree.edit(tree.object, (bytes) => flipped(bytes, 9));
  fs.rmSync(tree.file(tree.manifestSignature));
  tree.edit('repository.json', (b) =>
    b.toString().replace('"stable"', '"beta", "stable"'),
  );
  write(tree.file('.DS_Store'), 'x');
  write(tree.file('objects/ab/README.md'), 'x');
  write(tree.file(`${POINTER}~`), 'x');
  write(tree.file('Logo.svg'), 'x');
  const late = '2026-07-01T00:00:00Z';
  const { status, codes, warnings } = await verify(workspace, [], late);
  t.equal(status, 20);
  t.same(codes, ['signature', 'digest', 'malformed', 'stale']);
  t.same(
    warnings.map(({ where }) => where).sort(),
    ['.DS_Store', 'Logo.svg', `${POINTER}~`, 'objects/ab/README.md'].sort(),
  );
  const text = await qxRepo(workspace, ['verify'], { now: late });
  t.match(text.stdout, /error: .*\(20\)\n {2}where {5}manifests\//);
  t.match(text.stdout, /4 problems, 4 warnings/);
});

t.test('what the kernel signs and no host takes', async (t) => {
  type Row = [name: string, forge: (forge: Forge) => void, code: string, status: number];
  const stable = (forge: Forge, pointer: object): void =>
    void forge.release({
      pointer: { ...LIFE, ...pointer },
    });
  // prettier-ignore
  const rows: Row[] = [
    ['a pointer of another product', (f) => stable(f, { product: 'quantix-vdc' }), 'malformed', 23],
    ['a pointer of another channel', (f) => stable(f, { channel: 'beta' }), 'malformed', 23],
    ['a pointer of another repository', (f) => stable(f, { repository: 'other' }), 'malformed', 23],
    ['a pointer of another version than its manifest', (f) => stable(f, { version: '9.0.0' }), 'malformed', 23],
    ['a pointer under a root that nobody serves', (f) => stable(f, { root: 4 }), 'stale', 11],
    ['an expired pointer', (f) => stable(f, { issued: '2025-01-01T00:00:00Z', expires: '2025-03-01T00:00:00Z' }), 'stale', 11],
    ['a manifest signed by the channel key', (f) => {
      const { manifest } = f.release({ pointer: LIFE });
      f.manifest(encodeManifest(manifest), f.keys.channel);
    }, 'signature', 20],
    ['a folder that leaves itself', (f) => {
      const header = edited(encodeHeader(tarFile('aaaa', 1)), [[0, './../x']]);
      const bytes = archive(header, 'x');
      const content = { sha256: sha256(bytes), size: bytes.length };
      f.release({ content: bytes, component: { kind: 'directory', content }, pointer: LIFE });
    }, 'malformed', 23],
    ['a content that is not the one promised', (f) => {
      const content = { sha256: sha256(Buffer.from('other')), size: 5 };
      f.release({ component: { content }, pointer: LIFE });
    }, 'digest', 21],
    ['an object that decodes well and is not the one that was signed', (f) => {
      const content = Buffer.from('the same content');
      const stored = (tail: string): Buffer => Buffer.concat([brotliCompressSync(content), Buffer.from(tail)]);
      const source = { type: 'full', encoding: 'br', sha256: sha256(stored('a')), size: stored('a').length };
      f.put(objectPath(source.sha256), stored('b'));
      f.release({ content, component: { sources: [source] }, pointer: LIFE });
    }, 'digest', 21],
    ['no source that a host can read', (f) => {
      const sources = [{ ...f.object(Buffer.from('x')), encoding: 'zstd' }];
      f.release({ component: { sources }, pointer: LIFE });
    }, 'malformed', 23],
  ];
  for (const [name, forgeIt, code, status] of rows) {
    await t.test(name, async (t) => {
      const forge = makeForge(path.join(t.testdir(), 'tree'));
      forgeIt(forge);
      const verified = await verify(forge.dir, [forge.dir]);
      t.ok(verified.codes.includes(code), JSON.stringify(verified.problems));
      t.equal(verified.status, status, JSON.stringify(verified.problems));
    });
  }
});

t.test('a run that was cut off leaves a tree that verifies', async (t) => {
  const workspace = await published(t.testdir());
  const folder = path.join(workspace, 'public');
  const before = path.join(t.testdirName, 'before');
  fs.cpSync(folder, before, { recursive: true });
  const release = smallRelease(path.join(t.testdirName, 'more'), 'more');
  await ok(workspace, [
    'generate',
    '--version',
    '2.0.0',
    '--channel',
    'stable',
    ...release,
  ]);
  // The pointer and what follows it were not written; all that goes before was.
  for (const late of [POINTER, 'repository.json', 'products/quantix-os/releases-1.json'])
    fs.copyFileSync(path.join(before, late), path.join(folder, late));
  const { status, warnings, problems } = await verify(workspace, []);
  t.equal(status, 0, JSON.stringify(problems));
  t.match(warnings.map(({ message }) => message).join('\n'), /never placed/);
});

t.test('serials never go back', async (t) => {
  const workspace = await published(t.testdir());
  const folder = path.join(workspace, 'public');
  const before = path.join(t.testdirName, 'before');
  fs.cpSync(folder, before, { recursive: true });
  for (const version of ['1.0.0', '1.1.0'])
    await ok(workspace, [
      'point',
      'quantix-os',
      'stable',
      version,
      '--rollback',
      '--issued',
      NOW,
    ]);
  for (const name of [POINTER, `${POINTER}.minisig`])
    fs.copyFileSync(path.join(before, name), path.join(folder, name));
  const { status, codes } = await verify(workspace, []);
  t.same([status, codes], [22, ['rollback']]);
});

t.test('objects that were not pulled are not missing', async (t) => {
  const workspace = await published(t.testdir());
  const tree = treeAt(path.join(workspace, 'public'));
  const manifests = fs
    .readdirSync(tree.file('manifests'))
    .map((name) => name.slice(0, 64));
  const marker = path.join(workspace, '.qx-repo/pulled.json');
  write(marker, JSON.stringify({ from: 'https://example.org', manifests }));
  fs.rmSync(tree.file('objects'), { recursive: true });
  const { status, report } = await verify(workspace, []);
  t.equal(status, 0);
  t.match(report.objects, { checked: 0, notHere: 8 });
  write(marker, JSON.stringify({ from: 'https://example.org', manifests: [] }));
  t.equal((await verify(workspace, [])).status, 21, 'what was made here must be here');
});
