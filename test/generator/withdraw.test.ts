import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import type { ReleasePage } from '../../client/format/repository-index.ts';
import { manifestPath } from '../../client/format/tree.ts';
import {
  newWorkspace,
  ok,
  pointerOf,
  qxRepo,
  readJson,
  smallRelease,
} from './support.ts';
import { serveFolder } from './trees.ts';

const PAGE = 'public/products/quantix-os/releases-1.json';

/** 1.0.0, 1.1.0 and 1.2.0; stable and beta name the last one. */
async function threeReleases(dir: string): Promise<string> {
  const workspace = await newWorkspace(path.join(dir, 'workspace'));
  for (const version of ['1.0.0', '1.1.0', '1.2.0']) {
    const release = smallRelease(path.join(dir, version), version);
    const args = ['generate', '--version', version, '--channel', 'stable', '--fast'];
    await ok(workspace, [...args, ...release]);
  }
  await ok(workspace, ['promote', 'quantix-os', 'stable', 'beta']);
  await ok(workspace, ['point', 'quantix-os', 'lab', '1.0.0']);
  return workspace;
}

const WITHDRAW = ['withdraw', 'quantix-os', '1.2.0'];

t.test('channels step back, and nothing names the release any more', async (t) => {
  const workspace = await threeReleases(t.testdir());
  const told = [...WITHDRAW, '--message', 'it loses its network'];
  const result = await ok(workspace, told);
  t.match(result, {
    marked: true,
    moved: [
      { channel: 'beta', version: '1.1.0', previousVersion: '1.2.0' },
      { channel: 'stable', version: '1.1.0' },
    ],
  });
  t.match(pointerOf(workspace, 'stable'), {
    version: '1.1.0',
    serial: 4,
    rollback: true,
    message: 'it loses its network',
  });
  t.equal(pointerOf(workspace, 'lab').serial, 1, 'what did not name it stays');
  t.match(readJson(workspace, PAGE).releases, [
    { version: '1.0.0' },
    { version: '1.1.0' },
    { version: '1.2.0', withdrawn: 'it loses its network' },
  ]);
  t.equal((await ok(workspace, ['verify'])).exitCode, 0);
  t.match(await ok(workspace, told), { marked: true, moved: [] }, 'once is enough');

  const again = smallRelease(path.join(t.testdirName, '1.2.0'), '1.2.0');
  const edited = path.join(workspace, 'public/channels/quantix-os/lab.json');
  const refused = [
    ['point', 'quantix-os', 'stable', '1.2.0'],
    ['generate', '--version', '1.2.0', ...again],
  ];
  for (const args of refused) {
    const { status, stderr } = await qxRepo(workspace, args);
    t.equal(status, 22, args.join(' '));
    t.match(stderr, /was withdrawn[^]*it loses its network/);
  }
  fs.writeFileSync(edited, '{"product":"quantix-os","channel":"lab","version":"1.2.0"}');
  t.equal((await qxRepo(workspace, ['sign'])).status, 22, 'nor by hand');
  fs.writeFileSync(edited, '{"product":"quantix-os","channel":"lab","version":"1.1.0"}');
  await ok(workspace, ['sign']);

  const bumped = await ok(workspace, [
    'generate',
    '--bump',
    '--channel',
    'stable',
    ...again,
  ]);
  t.match(bumped, { version: '1.1.1' }, 'the number goes on');
});

t.test('a job that pulls the tree knows what was withdrawn', async (t) => {
  const workspace = await threeReleases(t.testdir());
  await ok(workspace, WITHDRAW);
  const url = await serveFolder(t, path.join(workspace, 'public'));
  const ci = path.join(t.testdirName, 'ci');
  fs.mkdirSync(ci);
  await ok(ci, ['pull', url, '--repository', 'test']);
  t.match(readJson(ci, PAGE).releases[2], { withdrawn: '1.2.0 was withdrawn' });
  fs.cpSync(path.join(workspace, 'keys'), path.join(ci, 'keys'), { recursive: true });
  t.equal((await qxRepo(ci, ['point', 'quantix-os', 'stable', '1.2.0'])).status, 22);
});

t.test('a step back never goes below the floor', async (t) => {
  const dir = t.testdir();
  const workspace = await threeReleases(dir);
  const toml = path.join(dir, 'release.toml');
  fs.writeFileSync(
    toml,
    'product = "quantix-os"\nversion = "1.3.0"\nfloor = 3\n[components.qx-node]\npath = "1.2.0/build/qx-node"\n',
  );
  await ok(workspace, ['generate', '--from', toml, '--channel', 'stable']);
  const withdraw = ['withdraw', 'quantix-os', '1.3.0'];
  const low = await qxRepo(workspace, [...withdraw, '--to', '1.1.0']);
  t.equal(low.status, 22);
  t.match(low.stderr, /release 3 or later \(the floor\)[^]*release 2/);
  t.match(await ok(workspace, withdraw), { moved: [{ version: '1.2.0' }] });
  const none = await qxRepo(workspace, ['withdraw', 'quantix-os', '1.0.0']);
  t.equal(none.status, 22, 'there is nothing below the first release');
  t.match(none.stderr, 'higher version');
  t.equal(pointerOf(workspace, 'lab').version, '1.0.0', 'and nothing was changed');
});

t.test('--to names the place, upwards as well', async (t) => {
  const workspace = await threeReleases(t.testdir());
  const down = await ok(workspace, ['withdraw', 'quantix-os', '1.0.0', '--to', '1.2.0']);
  t.match(down, { moved: [{ channel: 'lab', version: '1.2.0' }] });
  t.equal(pointerOf(workspace, 'lab').rollback, undefined, 'that is no step back');
  const dry = await ok(workspace, [...WITHDRAW, '--to', '1.1.0', '--dry-run']);
  t.match(dry, { dryRun: true, moved: [{}, {}, {}] });
  t.equal(pointerOf(workspace, 'stable').version, '1.2.0');
  const unknown = await qxRepo(workspace, ['withdraw', 'quantix-os', '9.0.0']);
  t.equal(unknown.status, 2);
});

t.test('a stepping stone is left out, and the channel keeps its release', async (t) => {
  const workspace = await threeReleases(t.testdir());
  const file = path.join(workspace, 'public/channels/quantix-os/stable.json');
  const [, stone] = (readJson(workspace, PAGE) as ReleasePage).releases;
  if (stone === undefined) throw new Error('no second release');
  const { version, release, manifests } = stone;
  const digest = Object.values(manifests)[0]?.sha256 ?? '';
  const via = [{ version, release, manifests, for: '<1.1.0' }];
  const draft = { product: 'quantix-os', channel: 'stable', version: '1.2.0', via };
  fs.writeFileSync(file, JSON.stringify({ ...draft, message: 'hello' }));
  await ok(workspace, ['sign']);
  await ok(workspace, ['withdraw', 'quantix-os', '1.1.0']);
  const pointer = pointerOf(workspace, 'stable');
  t.match(pointer, { version: '1.2.0', message: 'hello' });
  t.equal(pointer.via, undefined);
  t.ok(fs.existsSync(path.join(workspace, 'public', manifestPath(digest))));
});
