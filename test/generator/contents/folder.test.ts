import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import t from 'tap';
import { nodeFiles } from '../../../client/effects/files.ts';
import { scanFolder } from '../../../generator/contents/folder.ts';

const files = nodeFiles();

const scan = async (root: string, patterns?: string[]): Promise<string[]> =>
  (await scanFolder(files, root, patterns)).map((entry) => entry.path);

const WEB = {
  'index.html': 'x',
  'app.js': 'x',
  'app.js.map': 'x',
  '.well-known': { 'security.txt': 'x' },
  static: { 'logo.svg': 'x', deep: { 'a.map': 'x', '.keep': '' }, empty: {} },
  'odd [name]{1}': { '!x': 'x' },
  'back\\slash': 'x',
};

const ALL = [
  '.well-known',
  '.well-known/security.txt',
  'app.js',
  'app.js.map',
  'back\\slash',
  'index.html',
  'odd [name]{1}',
  'odd [name]{1}/!x',
  'static',
  'static/deep',
  'static/deep/.keep',
  'static/deep/a.map',
  'static/empty',
  'static/logo.svg',
];

const CHOICES: [why: string, patterns: string[] | undefined, chosen: string[]][] = [
  ['everything without patterns', undefined, ALL],
  ['everything', ['**'], ALL],
  [
    'everything but one kind',
    ['**', '!**/*.map'],
    ALL.filter((name) => !name.endsWith('.map')),
  ],
  [
    'a folder by its name',
    ['static/deep'],
    ['static', 'static/deep', 'static/deep/.keep', 'static/deep/a.map'],
  ],
  ['one file', ['app.js'], ['app.js']],
  [
    'one file deep below',
    ['static/deep/a.map'],
    ['static', 'static/deep', 'static/deep/a.map'],
  ],
  [
    'files of one kind, with the folders above them',
    ['**/*.svg'],
    ['static', 'static/logo.svg'],
  ],
  [
    'files that begin with a dot',
    ['**/.keep'],
    ['static', 'static/deep', 'static/deep/.keep'],
  ],
  ['no map twice', ['*.js', 'app.*', '!*.map'], ['app.js']],
];

t.test('patterns choose the files, sorted, with the folders above them', async (t) => {
  const base = t.testdir(WEB);
  for (const [why, patterns, chosen] of CHOICES)
    t.same(await scan(base, patterns), chosen, why);
});

t.test(
  'patterns that choose nothing, or reach out of the folder, are refused',
  async (t) => {
    const base = t.testdir({ in: WEB, out: 'x' });
    for (const pattern of ['*.exe', '../*', '../out', '/etc/passwd', '!**']) {
      await t.rejects(
        scan(`${base}/in`, [pattern]),
        { code: 'config', message: /choose nothing/ },
        pattern,
      );
    }
  },
);

t.test('a link to a folder stands for it; a file or nothing is no folder', async (t) => {
  const base = t.testdir({ in: { a: 'x' }, l: t.fixture('symlink', 'in'), f: 'x' });
  t.same(await scan(`${base}/l`), ['a']);
  await t.rejects(scan(`${base}/f`), { code: 'config', message: 'not a folder' });
  await t.rejects(scan(`${base}/none`), { code: 'config', message: /folder/ });
});

t.test('links are taken as they are, and only those that stay inside', async (t) => {
  const base = t.testdir({
    in: { lib: { 'a.so.1': 'x', 'a.so': t.fixture('symlink', 'a.so.1') } },
    bad: { d: { abs: t.fixture('symlink', '/etc/passwd') } },
    out: { d: { up: t.fixture('symlink', '../../in') } },
  });
  const [, link] = await scanFolder(files, `${base}/in`);
  t.match(link, { path: 'lib/a.so', type: 'link', linkTarget: 'a.so.1' });
  // testdir makes links absolute when they lead to an absolute place, so this one is made by hand.
  fs.rmSync(`${base}/bad/d/abs`);
  fs.symlinkSync('/etc/passwd', `${base}/bad/d/abs`);
  await t.rejects(scan(`${base}/bad`), {
    code: 'malformed',
    message: /absolute/,
    where: 'd/abs',
  });
  await t.rejects(scan(`${base}/out`), {
    code: 'malformed',
    message: /outside/,
    where: 'd/up',
  });
});

t.test('what a host would refuse is refused here, with its path', async (t) => {
  const base = t.testdir({
    suid: { bin: { su: 'x', ls: 'x' } },
    sgid: { g: 'x' },
    nl: {},
    fifo: {},
  });
  fs.chmodSync(`${base}/suid/bin/su`, 0o4755);
  fs.chmodSync(`${base}/sgid/g`, 0o2755);
  fs.writeFileSync(`${base}/nl/a\nb`, 'x');
  execFileSync('mkfifo', [`${base}/fifo/pipe`]);
  await t.rejects(scan(`${base}/suid`), {
    where: 'bin/su',
    message: /set-id/,
    found: 'mode 4755',
  });
  await t.rejects(scan(`${base}/sgid`), { where: 'g', message: /set-id/ });
  await t.rejects(scan(`${base}/nl`), { where: 'a\ufffdb', message: /control/ });
  await t.rejects(scan(`${base}/fifo`), { where: 'pipe', message: /neither/ });
  t.same(
    await scan(`${base}/suid`, ['**', '!**/su']),
    ['bin', 'bin/ls'],
    'chosen ones count',
  );
});

t.test('a socket is refused', async (t) => {
  // The address of a socket is short, so it cannot lie in a test's own folder.
  const base = fs.mkdtempSync(path.join(os.tmpdir(), 'qx-'));
  const server = net.createServer().listen(path.join(base, 's'));
  t.teardown(() => {
    server.close();
    fs.rmSync(base, { recursive: true });
  });
  await new Promise((resolve) => server.once('listening', resolve));
  await t.rejects(scan(base), { where: 's', message: /neither/ });
});

t.test('a name that is not UTF-8 is refused with a hint', async (t) => {
  const base = t.testdir({});
  fs.writeFileSync(Buffer.concat([Buffer.from(`${base}/a`), Buffer.from([0xff])]), 'x');
  await t.rejects(scan(base), { code: 'disk', hint: /UTF-8/ });
});
