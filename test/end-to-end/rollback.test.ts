import fs from 'node:fs';
import t from 'tap';
import { sha256 } from '../support/forge.ts';
import { freePort, running, scene, SERVICE, until } from '../support/scene.ts';
import { serverScript, sleeper } from '../support/services/services.ts';

t.test('hold keeps a release away until unhold, and says why', async (t) => {
  const { host, publish, asks } = await running(t);
  publish({ version: '1.1.0' });
  t.equal(
    (await host.run(['hold', '--reason', 'guests move', '--until', '1h'])).status,
    0,
  );
  const held = await host.run(['run']);
  t.equal(held.status, 75);
  t.match(held.stderr, /guests move/);
  t.match((await host.run(['status'])).stdout, /held since .* guests move/);
  t.equal((await host.run(['check'])).status, 0, 'looking is allowed');
  t.equal((await host.run(['hold', '--until', 'yesterday'])).status, 2);
  t.equal((await host.run(['unhold'])).status, 0);
  t.equal((await host.run(['run'])).status, 0);
  t.equal(await asks(), '1.1.0');
});

t.test('what the appliance came with comes back', async (t) => {
  const { host, publish, services } = await scene(t);
  const baked = sleeper('baked');
  fs.mkdirSync(host.path('/data/bin'), { recursive: true });
  fs.writeFileSync(host.path('/data/bin/qx-node'), baked, { mode: 0o755 });
  services.define(SERVICE, host.path('/data/bin/qx-node'), '1000d');
  services.call(SERVICE, 'start');
  publish({ version: '1.0.0' }, { health: [] });
  services.define(SERVICE, host.path('/data/bin/qx-node'), String(await freePort()));
  t.equal((await host.run(['run'])).status, 0);
  services.define(SERVICE, host.path('/data/bin/qx-node'), '1000d');
  const told = host.path('/data/versions/qx-node.version');
  t.equal(fs.readFileSync(told, 'utf8'), '1.0.0\n');
  const back = await host.run(['rollback', '--to', 'baked']);
  t.equal(back.status, 0, back.stderr);
  t.notOk(fs.existsSync(told), 'nobody knows the version of what it came with');
  t.equal(services.runs(SERVICE), sha256(baked));
  t.equal(
    (await host.run(['run'])).status,
    75,
    'and is not taken away again by the next run',
  );
});

t.test('a way back below the floor, or to changed content, is refused', async (t) => {
  const { host, forge, publish } = await running(t);
  publish({ version: '1.1.0' });
  t.equal((await host.run(['run'])).status, 0);
  const store = host.path('/data/components/store');
  const old = fs
    .readdirSync(store)
    .map((name) => `${store}/${name}/file-0755`)
    .find((file) => fs.readFileSync(file, 'utf8').includes('"version":"1.0.0"'));
  fs.appendFileSync(old ?? '', '// changed by hand\n');
  const changed = await host.run(['rollback']);
  t.equal(changed.status, 21, changed.stderr);
  t.match(changed.stderr, /content was changed/);

  const content = Buffer.from(serverScript({ version: '1.2.0' }));
  forge.release({
    version: '1.2.0',
    serial: 9,
    content,
    manifest: { release: 9, floor: 9 },
  });
  t.equal((await host.run(['run'])).status, 0);
  const below = await host.run(['rollback', '--to', '1.1.0']);
  t.equal(below.status, 22, below.stderr);
  t.match(below.stderr, /release 9 or higher/);
});

t.test(
  'after a failed release, a way back by hand does not let it in again',
  async (t) => {
    const { host, publish, port, asks } = await running(t);
    publish({ version: '1.1.0' });
    t.equal((await host.run(['run'])).status, 0);
    publish(
      { version: '1.2.0', exits: true },
      { health: [{ type: 'tcp', port, retries: 1 }] },
    );
    t.equal((await host.run(['run'])).status, 40);
    const back = await host.run(['rollback']);
    t.equal(back.status, 0, back.stderr);
    t.equal(await asks(), '1.0.0');
    t.equal((await host.run(['run'])).status, 75);
    t.equal(await asks(), '1.0.0');
  },
);

t.test('a release that crashes later is left by hand', async (t) => {
  const { host, publish, services, asks } = await running(t);
  publish({ version: '1.1.0', diesAfter: 2 }, { health: [] });
  t.equal((await host.run(['run'])).status, 0);
  await until(async () => {
    await asks().catch(() => '');
    return services.pid(SERVICE) === null;
  });
  const back = await host.run(['rollback']);
  t.equal(back.status, 0, back.stderr);
  t.equal(await asks(), '1.0.0', 'a service that crashed is no stopped one');
});

t.test('gc keeps what keep says, the current release and the way back', async (t) => {
  const { host, publish } = await running(t);
  host.configure({ auto_apply: true, service_manager: '/services/manager.sh', keep: 2 });
  for (const version of ['1.1.0', '1.2.0', '1.3.0', '1.4.0']) {
    publish({ version });
    const { status, stderr } = await host.run(['run']);
    t.equal(status, 0, stderr);
  }
  const count = (folder: string): number =>
    fs.readdirSync(host.path(`/data/components/${folder}`)).length;
  t.equal(count('generations'), 2);
  t.equal(count('store'), 2);
  t.equal((await host.run(['rollback'])).status, 0);
  t.equal((await host.run(['verify'])).status, 0);
});

t.test(
  'a health check that names a command which the host lacks changes nothing',
  async (t) => {
    const { host, publish, asks } = await running(t);
    publish(
      { version: '1.1.0' },
      { health: [{ type: 'command', file: 'no-such-check' }] },
    );
    const refused = await host.run(['run']);
    t.equal(refused.status, 78, refused.stderr);
    t.match(refused.stderr, /no-such-check/);
    t.equal(await asks(), '1.0.0');
  },
);
