import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { observe } from '../../client/effects/observe.ts';
import {
  effectsAt,
  filesBelow,
  NOW,
  newWorkspace,
  ok,
  pointerOf,
  qxRepo,
  readJson,
  smallRelease,
} from './support.ts';

const PAGE = 'public/products/quantix-os/releases-1.json';
const LATER = { now: '2026-05-20T12:00:00Z' };

/** 1.0.0 … 1.5.0, all of one day; stable names the last one, old the first one. */
async function sixReleases(dir: string): Promise<string> {
  const workspace = await newWorkspace(path.join(dir, 'workspace'));
  for (const minor of [0, 1, 2, 3, 4, 5]) {
    const version = `1.${minor}.0`;
    const release = smallRelease(path.join(dir, version), version);
    const args = ['generate', '--version', version, '--channel', 'stable', '--fast'];
    await ok(workspace, [...args, ...release]);
    if (minor === 0) await ok(workspace, ['point', 'quantix-os', 'old', version]);
  }
  return workspace;
}

function versions(workspace: string): string[] {
  const { releases } = readJson(workspace, PAGE) as { releases: { version: string }[] };
  return releases.map(({ version }) => version);
}

interface Pruned {
  applied: boolean;
  dropped: { version: string }[];
  paths: string[];
}

const prune = (workspace: string, args: string[], now = LATER): Promise<Pruned> =>
  ok(workspace, ['prune', ...args], now) as Promise<Pruned>;

const names = (list: { version: string }[]): string[] => list.map((each) => each.version);

t.test('what nothing needs goes, and the rest still verifies', async (t) => {
  const workspace = await sixReleases(t.testdir());
  const before = filesBelow(path.join(workspace, 'public'));
  const dry = await prune(workspace, ['--keep', '2']);
  t.equal(dry.applied, false);
  t.same(names(dry.dropped), ['1.1.0', '1.2.0', '1.3.0']);
  t.same(filesBelow(path.join(workspace, 'public')), before, 'dry by default');

  const done = await prune(workspace, ['--keep', '2', '--apply']);
  t.same(done.paths, dry.paths, 'it does what it said');
  t.same(versions(workspace), ['1.0.0', '1.4.0', '1.5.0']);
  t.equal((await ok(workspace, ['verify'], LATER)).exitCode, 0);
  const after = filesBelow(path.join(workspace, 'public'));
  const gone = Object.keys(before).filter((name) => !(name in after));
  t.same(gone.sort(), [...done.paths].sort());
  t.ok(gone.filter((name) => name.startsWith('objects/')).length >= 9);
  t.match(readJson(workspace, 'public/repository.json').products, {
    'quantix-os': { releases: 3, pages: 1 },
  });
  const order = done.paths.map((name) => name.split('/')[0]);
  t.ok(order.lastIndexOf('manifests') < order.indexOf('objects'), 'objects go last');
  t.match(await prune(workspace, ['--keep', '2', '--apply']), { paths: [] });
});

t.test('what is younger than the grace period stays, and so many releases', async (t) => {
  const workspace = await sixReleases(t.testdir());
  const cases: [args: string[], dropped: string[]][] = [
    [['--keep', '1', '--grace', '100d'], []],
    [
      ['--keep', '1', '--grace', '10d'],
      ['1.1.0', '1.2.0', '1.3.0', '1.4.0'],
    ],
    [['--grace', '10d'], []],
    [['--keep', '4'], ['1.1.0']],
  ];
  for (const [args, dropped] of cases)
    t.same(names((await prune(workspace, [...args])).dropped), dropped);
  t.same(
    names((await prune(workspace, ['--keep', '1'], { now: NOW })).dropped),
    [],
    'all new',
  );
  t.equal((await qxRepo(workspace, ['prune', '--keep', '0'])).status, 2);
  t.equal((await qxRepo(workspace, ['prune', '--apply', '--removed'])).status, 2);
});

t.test('stepping stones stay, and contents that two releases share', async (t) => {
  const dir = t.testdir();
  const workspace = await sixReleases(dir);
  const stone = readJson(workspace, PAGE).releases[2];
  const { version, release, manifests } = stone;
  const file = path.join(workspace, 'public/channels/quantix-os/stable.json');
  const via = [{ version, release, manifests, for: '<1.2.0' }];
  const draft = { product: 'quantix-os', channel: 'stable', version: '1.5.0', via };
  fs.writeFileSync(file, JSON.stringify(draft));
  const edited = await qxRepo(workspace, ['prune', '--keep', '1'], LATER);
  t.equal(edited.status, 78, 'an edited pointer may name anything: sign it first');
  await ok(workspace, ['sign']);
  // The contents of 1.1.0 once more, under a new number.
  const again = smallRelease(path.join(dir, '1.1.0'), '1.1.0');
  await ok(workspace, ['generate', '--version', '1.6.0', '--fast', ...again]);

  const done = await prune(workspace, ['--keep', '1', '--apply']);
  t.same(names(done.dropped), ['1.1.0', '1.3.0', '1.4.0']);
  t.equal((await ok(workspace, ['verify'], LATER)).exitCode, 0);
  t.equal(pointerOf(workspace, 'stable').via?.length, 1);
});

t.test('the list for the host never names what is needed again', async (t) => {
  const dir = t.testdir();
  const workspace = await sixReleases(dir);
  await prune(workspace, ['--keep', '1', '--apply']);
  const { paths } = await prune(workspace, ['--removable']);
  const again = smallRelease(path.join(dir, '1.1.0'), '1.1.0');
  await ok(workspace, ['generate', '--version', '1.6.0', '--fast', ...again], LATER);
  const later = await prune(workspace, ['--removable']);
  t.ok(later.paths.length < paths.length, 'objects that are back are not on it');
  fs.rmSync(path.join(workspace, 'public/objects'), { recursive: true });
  t.same(await prune(workspace, ['--removable']), later, 'here or not');
  await prune(workspace, ['--removed']);
  t.match(await prune(workspace, ['--removable']), { paths: [] });
});

t.test(
  'cut off anywhere, the tree verifies and the next run does the rest',
  async (t) => {
    const dir = t.testdir();
    const origin = await sixReleases(dir);
    const whole = path.join(dir, 'whole');
    fs.cpSync(origin, whole, { recursive: true });
    const command = ['prune', '--keep', '1', '--apply'];
    await ok(whole, command, LATER);
    const wanted = filesBelow(path.join(whole, 'public'));
    let cuts = 0;
    for (let last = 1; ; last += 3) {
      const workspace = path.join(dir, 'cut');
      fs.rmSync(workspace, { recursive: true, force: true });
      fs.cpSync(origin, workspace, { recursive: true });
      let changes = 0;
      const effects = observe(effectsAt(LATER.now), ({ name }) => {
        if (['files.rename', 'files.remove', 'files.open.write'].includes(name))
          changes += 1;
        if (changes > last) throw new Error('cut off');
      });
      const { status } = await qxRepo(workspace, command, { effects });
      if (status === 0) break;
      cuts += 1;
      if (last % 2 === 0)
        t.equal((await ok(workspace, ['verify', '--fast'], LATER)).exitCode, 0);
      await ok(workspace, command, LATER);
      t.same(filesBelow(path.join(workspace, 'public')), wanted, `after ${last} effects`);
    }
    t.ok(cuts > 5, `${cuts} cuts`);
  },
);
