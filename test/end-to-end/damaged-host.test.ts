import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { sha256 } from '../support/forge.ts';
import { needsMounts } from '../support/needs.ts';
import type { Host } from '../support/sandbox.ts';
import { freePort, installed, running, scene, SERVICE, until } from '../support/scene.ts';

/** Hosts on which something else than the update changed the disk, before a release comes or while it starts. */

/** The host's /data on a small disk of its own while `work` goes on. */
async function onSmallDisk(host: Host, work: (data: string) => Promise<void>) {
  const data = host.path('/data');
  fs.mkdirSync(data);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'quantix-test', data]);
  try {
    await work(data);
  } finally {
    execFileSync('umount', ['-l', data]);
  }
}

t.test(
  'a release that fills the disk while it starts is taken back on the full disk',
  needsMounts(),
  async (t) => {
    const { host, publish, services, asks, port } = await scene(t);
    await onSmallDisk(host, async (data) => {
      const first = publish({ version: '1.0.0' });
      t.equal((await host.run(['run'])).status, 0);
      services.call(SERVICE, 'start');
      await until(async () => (await asks()) === '1.0.0');

      const filler = path.join(data, 'filler');
      const health = [{ type: 'http' as const, port, path: '/health', retries: 3 }];
      publish({ version: '1.1.0', fills: filler }, { health });
      const failed = await host.run(['run']);
      t.equal(failed.status, 40, failed.stderr);
      t.match(services.log(SERVICE), /fatal: ENOSPC/);
      const { bavail, bsize } = fs.statfsSync(data);
      t.ok(bavail * bsize < 512 * 1024, `the disk is still full: ${bavail * bsize}`);
      t.equal(installed(host), sha256(first), 'the old content is installed');
      await until(async () => (await asks()) === '1.0.0');
      t.same(fs.readdirSync(host.path('/data/updates')).filter(isLeft), []);
      t.notOk(fs.existsSync(host.path('/data/components/staging')));
      t.equal((await host.run(['run'])).status, 75, 'it is remembered');

      fs.rmSync(filler);
      publish({ version: '1.2.0' });
      t.equal((await host.run(['run'])).status, 0);
      t.equal(await asks(), '1.2.0');
      services.stopAll();
    });
  },
);

const isLeft = (name: string): boolean => /journal|room|\.new$/.test(name);

/** The store's file that holds this version of the server. */
function stored(host: Host, version: string): string {
  const store = host.path('/data/components/store');
  const files = fs.readdirSync(store).map((name) => `${store}/${name}/file-0755`);
  const holds = `"version":"${version}"`;
  return files.find((file) => fs.readFileSync(file, 'utf8').includes(holds)) ?? '';
}

t.test('an old content that was changed by hand is found on the way back', async (t) => {
  const { host, publish, asks } = await running(t);
  publish(
    { version: '1.1.0', exits: true },
    { health: [{ type: 'tcp', port: await freePort(), retries: 1 }] },
  );
  fs.appendFileSync(stored(host, '1.0.0'), '// changed by hand\n');
  const { status, stderr } = await host.run(['run']);
  t.equal(status, 41, stderr);
  t.match(stderr, /1\.0\.0 is back and is not well either/);
  t.match(stderr, /qx-node: the installed content was changed.*expected \w{64}/);
  await until(async () => (await asks()) === '1.0.0');
});

for (const [what, damage] of [
  ['changed', (file: string) => fs.appendFileSync(file, '// changed by hand\n')],
  ['cut short', (file: string) => fs.truncateSync(file, 100)],
  ['of another mode', (file: string) => fs.chmodSync(file, 0o4755)],
] as const) {
  t.test(`a release whose content lies ${what} in the store is fetched`, async (t) => {
    const { host, publish, forge, first, asks } = await running(t);
    publish({ version: '1.1.0' });
    t.equal((await host.run(['run'])).status, 0);
    damage(stored(host, '1.0.0'));
    forge.release({
      version: '1.2.0',
      serial: 9,
      content: first,
      manifest: { release: 9 },
      component: { restart_service: SERVICE },
    });
    const { status, stderr } = await host.run(['run']);
    t.equal(status, 0, stderr);
    t.equal(installed(host), sha256(first));
    t.equal(fs.statSync(host.path('/data/bin/qx-node')).mode & 0o7777, 0o755);
    t.equal((await host.run(['verify'])).status, 0);
    await until(async () => (await asks()) === '1.0.0');
  });
}

t.test('"current" that was deleted comes back with the next run', async (t) => {
  const { host, publish, asks } = await running(t);
  publish({ version: '1.1.0' });
  t.equal((await host.run(['run'])).status, 0);
  fs.rmSync(host.path('/data/components/current'));
  t.notOk(fs.existsSync(host.path('/data/bin/qx-node')));
  const { status, stderr } = await host.run(['run']);
  t.equal(status, 0, stderr);
  await until(async () => (await asks()) === '1.1.0');
  t.equal((await host.run(['verify'])).status, 0);
  const back = await host.run(['rollback', '--to', '1.0.0']);
  t.equal(back.status, 0, back.stderr);
  await until(async () => (await asks()) === '1.0.0');
});

t.test('of two generations with one number, the one of that name counts', async (t) => {
  const { host, publish, asks } = await running(t);
  publish({ version: '1.1.0' });
  t.equal((await host.run(['run'])).status, 0);
  const generations = host.path('/data/components/generations');
  const copy = (name: string): void =>
    fs.cpSync(`${generations}/1`, `${generations}/${name}`, {
      recursive: true,
      verbatimSymlinks: true,
    });
  copy('02');
  copy('3');
  fs.mkdirSync(`${generations}/4`);
  t.match((await host.run(['current'])).stdout, /1\.1\.0/);
  publish({ version: '1.2.0' });
  const { status, stderr } = await host.run(['run']);
  t.equal(status, 0, stderr);
  t.same(fs.readdirSync(generations), ['02', '1', '2', '5']);
  t.equal((await host.run(['rollback'])).status, 0);
  await until(async () => (await asks()) === '1.1.0');
});
