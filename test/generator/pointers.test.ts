import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import {
  filesBelow,
  newWorkspace,
  NOW,
  ok,
  pointerOf,
  qxRepo,
  smallRelease,
} from './support.ts';

/** A workspace with 1.0.0 and 1.1.0 of quantix-os, dev at the second. */
async function twoReleases(dir: string): Promise<string> {
  const workspace = await newWorkspace(path.join(dir, 'w'));
  for (const version of ['1.0.0', '1.1.0']) {
    await ok(workspace, [
      'generate',
      '--version',
      version,
      '--channel',
      'dev',
      ...smallRelease(dir, version),
    ]);
  }
  return workspace;
}

t.test('promote takes the very manifests of the other channel', async (t) => {
  const workspace = await twoReleases(t.testdir());
  const manifests = filesBelow(path.join(workspace, 'public/manifests'));
  const result = await ok(workspace, ['promote', 'quantix-os', 'dev', 'stable']);
  t.match(result, { state: 'published', version: '1.1.0', previousVersion: null });
  t.same(pointerOf(workspace, 'stable').manifests, pointerOf(workspace, 'dev').manifests);
  t.same(filesBelow(path.join(workspace, 'public/manifests')), manifests);
  t.match(await ok(workspace, ['promote', 'quantix-os', 'dev', 'stable']), {
    state: 'unchanged',
    changes: [],
  });
  const none = await qxRepo(workspace, ['promote', 'quantix-os', 'beta', 'stable']);
  t.equal(none.status, 2);
  t.match(none.stderr, /quantix-os\/beta/);
});

t.test('a step back is refused unless it is said, and hosts are told', async (t) => {
  const workspace = await twoReleases(t.testdir());
  const refused = await qxRepo(workspace, ['point', 'quantix-os', 'dev', '1.0.0']);
  t.equal(refused.status, 22);
  t.match(refused.stderr, /expected {2}1\.1\.0 or later\n {2}found {5}1\.0\.0/);
  t.match(await ok(workspace, ['point', 'quantix-os', 'dev', '1.0.0', '--rollback']), {
    state: 'published',
  });
  t.match(pointerOf(workspace, 'dev'), { version: '1.0.0', rollback: true, serial: 3 });
  t.match(await ok(workspace, ['point', 'quantix-os', 'dev', '1.0.0', '--rollback']), {
    state: 'unchanged',
  });
  await ok(workspace, ['point', 'quantix-os', 'dev', '1.1.0']);
  t.notOk('rollback' in pointerOf(workspace, 'dev'));
  const { version } = pointerOf(workspace, 'dev');
  await ok(workspace, ['point', 'quantix-os', 'dev', version, '--rollback']);
  t.match(
    pointerOf(workspace, 'dev'),
    { version, rollback: true },
    'where it is already',
  );
});

t.test('a version that is not there is refused with those that are', async (t) => {
  const workspace = await twoReleases(t.testdir());
  const refused = await qxRepo(workspace, ['point', 'quantix-os', 'dev', '9.9.9']);
  t.equal(refused.status, 2);
  t.match(refused.stderr, /found {5}1\.0\.0, 1\.1\.0/);
});

t.test(
  'a pointer lives 90 days, or as long as it is told, and is not born old',
  async (t) => {
    const workspace = await twoReleases(t.testdir());
    await ok(workspace, ['point', 'quantix-os', 'a', '1.0.0', '--expires-days', '10']);
    t.match(pointerOf(workspace, 'a'), { issued: NOW, expires: '2026-03-11T12:00:00Z' });
    const old = await qxRepo(workspace, [
      'point',
      'quantix-os',
      'b',
      '1.0.0',
      '--issued',
      '2026-01-01T00:00:00Z',
    ]);
    t.equal(old.status, 11);
    t.match(old.stderr, /less than half of its life left/);
    const long = await qxRepo(workspace, [
      'point',
      'quantix-os',
      'b',
      '1.0.0',
      '--expires-days',
      '401',
    ]);
    t.equal(long.status, 23);
    const wrong = await qxRepo(workspace, [
      'point',
      'quantix-os',
      'b',
      '1.0.0',
      '--issued',
      'yesterday',
    ]);
    t.equal(wrong.status, 2);
    t.notOk(fs.existsSync(path.join(workspace, 'public/channels/quantix-os/b.json')));
  },
);

t.test('under an expired root nothing is published', async (t) => {
  const workspace = await twoReleases(t.testdir());
  const late = await qxRepo(workspace, ['promote', 'quantix-os', 'dev', 'stable'], {
    now: '2029-03-02T00:00:00Z',
  });
  t.equal(late.status, 11);
  t.match(late.stderr, /root\/1\.json/);
});

t.test('a manifest with one bit flipped is not pointed at', async (t) => {
  const workspace = await twoReleases(t.testdir());
  const folder = path.join(workspace, 'public/manifests');
  for (const name of fs.readdirSync(folder)) {
    const bytes = fs.readFileSync(path.join(folder, name));
    bytes[200] = (bytes[200] ?? 0) ^ 1;
    fs.writeFileSync(path.join(folder, name), bytes);
  }
  const refused = await qxRepo(workspace, ['point', 'quantix-os', 'stable', '1.0.0']);
  t.equal(refused.status, 21);
});

t.test('a release whose signature is by another key is not pointed at', async (t) => {
  const workspace = await twoReleases(t.testdir());
  const { manifests } = pointerOf(workspace, 'dev');
  const name = `${manifests.x86_64?.sha256}.minisig`;
  fs.copyFileSync(
    path.join(workspace, 'public/channels/quantix-os/dev.json.minisig'),
    path.join(workspace, 'public/signatures', name),
  );
  const refused = await qxRepo(workspace, ['point', 'quantix-os', 'stable', '1.1.0']);
  t.equal(refused.status, 20);
});

t.test('a page that lies about a release is found out', async (t) => {
  const workspace = await twoReleases(t.testdir());
  const file = path.join(workspace, 'public/products/quantix-os/releases-1.json');
  fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace('"1.1.0"', '"3.0.0"'));
  const refused = await qxRepo(workspace, ['point', 'quantix-os', 'stable', '3.0.0']);
  t.equal(refused.status, 23);
  t.match(refused.stderr, /release page does not say what the manifest says/);
});

t.test('pages that were lost are made again', async (t) => {
  const workspace = await twoReleases(t.testdir());
  const before = filesBelow(path.join(workspace, 'public'));
  fs.rmSync(path.join(workspace, 'public/products'), { recursive: true });
  fs.rmSync(path.join(workspace, 'public/repository.json'));
  await ok(workspace, ['sign']);
  t.same(filesBelow(path.join(workspace, 'public')), before);
});

t.test(
  'keys come from flags, from the environment as path or text, or from keys/',
  async (t) => {
    const dir = t.testdir();
    const workspace = await twoReleases(dir);
    const keys = path.join(dir, 'elsewhere');
    fs.renameSync(path.join(workspace, 'keys'), keys);
    const channel = path.join(keys, 'channel.key');
    const refused = await qxRepo(workspace, ['promote', 'quantix-os', 'dev', 'a']);
    t.equal(refused.status, 78);
    t.match(refused.stderr, /no key at hand that may sign for the role "channel"/);
    t.match(
      await ok(workspace, ['promote', 'quantix-os', 'dev', 'a', '--key', channel]),
      { state: 'published' },
    );
    const byPath = { env: { QX_REPO_SECRET_KEY: channel } };
    t.match(await ok(workspace, ['promote', 'quantix-os', 'dev', 'b'], byPath), {
      state: 'published',
    });
    const texts = ['release', 'channel'].map((name) =>
      fs.readFileSync(path.join(keys, `${name}.key`), 'utf8'),
    );
    const byText = { env: { QX_REPO_SECRET_KEY: texts.join('') } };
    t.match(await ok(workspace, ['promote', 'quantix-os', 'dev', 'c'], byText), {
      state: 'published',
    });
    const release = ['--key', path.join(keys, 'release.key')];
    const wrongRole = await qxRepo(workspace, [
      'promote',
      'quantix-os',
      'dev',
      'd',
      ...release,
    ]);
    t.equal(wrongRole.status, 78);
    const secret = (texts[1] as string).split('\n')[1] as string;
    const broken = await qxRepo(workspace, ['promote', 'quantix-os', 'dev', 'd'], {
      env: { QX_REPO_SECRET_KEY: secret },
    });
    t.equal(broken.status, 78);
    t.notMatch(broken.stderr, secret);
  },
);

t.test('the key of one channel signs that channel and no other', async (t) => {
  const dir = t.testdir();
  const workspace = path.join(dir, 'w');
  await ok(dir, ['init', 'w', '--repository', 'test', '--no-keys']);
  const config = path.join(workspace, 'quantix-repo.toml');
  const text = fs
    .readFileSync(config, 'utf8')
    .replace('channel = "channel"', 'channel = "channel"\n"channel/stable" = "stable"');
  fs.writeFileSync(config, text);
  await ok(workspace, ['init', '--no-password']);
  await ok(workspace, [
    'generate',
    '--version',
    '1.0.0',
    '--channel',
    'stable',
    ...smallRelease(dir, 'a'),
  ]);
  await ok(workspace, ['promote', 'quantix-os', 'stable', 'beta']);
  const onlyStable = ['--key', path.join(workspace, 'keys/stable.key')];
  fs.rmSync(path.join(workspace, 'keys/channel.key'));
  t.equal(
    (await qxRepo(workspace, ['promote', 'quantix-os', 'stable', 'dev', ...onlyStable]))
      .status,
    78,
  );
});
