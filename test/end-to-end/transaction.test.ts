import t from 'tap';
import { sha256 } from '../support/forge.ts';
import { freePort, installed, running, scene, SERVICE, until } from '../support/scene.ts';
import { type ServerTraits, sleeper } from '../support/services/services.ts';

t.test('a release that is well stays, and its service runs it', async (t) => {
  const { host, publish, services, asks } = await running(t);
  publish({ version: '1.1.0' });
  const { status, stderr } = await host.run(['run']);
  t.equal(status, 0, stderr);
  t.equal(await asks(), '1.1.0');
  t.same(services.calls(SERVICE), ['start', 'restart']);
});

const FAULTS: {
  name: string;
  traits: Partial<ServerTraits>;
  says: RegExp;
  health?: object;
}[] = [
  {
    name: 'exits at once',
    traits: { exits: true },
    says: /cannot open the database|qx-node: http/,
  },
  {
    name: 'listens on the wrong port',
    traits: { wrongPort: true },
    says: /http 127\.0\.0\.1:\d+\/health/,
  },
  { name: 'answers 500', traits: { healthStatus: 500 }, says: /500/ },
  { name: 'hangs', traits: { hangs: true }, says: /http 127\.0\.0\.1/ },
  {
    name: 'dies after its first answer',
    traits: { diesAfter: 1 },
    says: /http 127\.0\.0\.1/,
    health: { steady_seconds: 1, retries: 5 },
  },
];

for (const { name, traits, says, health } of FAULTS) {
  t.test(`a release whose server ${name} takes itself back`, async (t) => {
    const { host, publish, port, services, asks, first } = await running(t);
    const check = {
      type: 'http',
      port,
      path: '/health',
      timeout_seconds: 1,
      retries: 2,
      ...health,
    };
    publish({ version: '1.1.0', ...traits }, { health: [check] });
    const failed = await host.run(['run']);
    t.equal(failed.status, 40, failed.stderr);
    t.match(failed.stderr, says);
    t.match(failed.stderr, /quantix-os 1\.0\.0 is back/);
    t.equal(installed(host), sha256(first), 'the old content is installed');
    await until(async () => (await asks()) === '1.0.0');
    t.same(services.calls(SERVICE), ['start', 'restart', 'restart']);

    const told = JSON.parse((await host.run(['status', '--json'])).stdout);
    t.equal(told.version, '1.0.0');
    t.match(told.lastRefusal, { exitCode: 40 });
    t.match(told.lastRefusal.message, /service quantix-node|health check failed/);
    const { entries } = JSON.parse((await host.run(['history', '--json'])).stdout);
    t.match(
      (entries as { event: string }[]).find(({ event }) => event === 'returned'),
      { version: '1.0.0', fromVersion: '1.1.0' },
    );

    const again = await host.run(['run']);
    t.equal(again.status, 75, 'not tried again by itself');
    t.match(again.stderr, /error: refused: 1\.1\.0 was taken back on this host before/);
    t.equal(
      (await host.run(['apply', '--retry-refused'])).status,
      40,
      'tried again when told to',
    );

    publish({ version: '1.2.0' });
    t.equal((await host.run(['run'])).status, 0, 'the channel has moved on');
    t.equal(await asks(), '1.2.0');
  });
}

t.test('when the old release is not well either, a person must look', async (t) => {
  const { host, publish, services } = await running(t);
  publish({ version: '1.1.0', exits: true });
  // Behind the update's back, the way back is blocked as well.
  services.define(SERVICE, '/nonexistent/program');
  const failed = await host.run(['run']);
  t.equal(failed.status, 41, failed.stderr);
  t.match(failed.stderr, /1\.0\.0 is back and is not well either/);
});

t.test(
  'a running binary is replaced and comes back, seen in /proc/<pid>/exe',
  async (t) => {
    const { forge, host, services } = await scene(t);
    services.define(SERVICE, host.path('/data/bin/qx-node'), '1000d');
    const contents = ['1.0.0', '1.1.0', '1.2.0'].map(sleeper);
    const publish = (index: number, health: object[] = [{ type: 'service' }]): void => {
      forge.release({
        version: `1.${index}.0`,
        serial: index + 1,
        content: contents[index] as Buffer,
        manifest: { release: index + 1 },
        component: { restart_service: SERVICE, health: health as never },
      });
    };
    const runs = (index: number): void => {
      t.equal(
        services.runs(SERVICE),
        sha256(contents[index] as Buffer),
        `runs 1.${index}.0`,
      );
    };
    publish(0);
    t.equal((await host.run(['run'])).status, 0);
    services.call(SERVICE, 'start');
    runs(0);
    publish(1);
    t.equal((await host.run(['run'])).status, 0);
    runs(1);
    publish(2, [{ type: 'tcp', port: await freePort(), timeout_seconds: 1 }]);
    t.equal((await host.run(['run'])).status, 40);
    runs(1);
    const back = await host.run(['rollback']);
    t.equal(back.status, 0, back.stderr);
    runs(0);
    t.equal(
      (await host.run(['current', '--json'])).stdout.includes('"version": "1.0.0"'),
      true,
    );
  },
);

t.test(
  'a service that was stopped stays stopped, one that nobody knows is refused',
  async (t) => {
    const { host, publish, services } = await running(t);
    services.call(SERVICE, 'stop');
    publish({ version: '1.1.0' });
    const { status, stderr } = await host.run(['run']);
    t.equal(status, 0, stderr);
    t.equal(services.pid(SERVICE), null);
    t.match(stderr, /stopped and stays stopped/);

    host.configure({
      auto_apply: true,
      service_manager: '/services/manager.sh',
      allow_services: ['no-such-service'],
    });
    const before = host.snapshot('/data/bin');
    publish({ version: '1.2.0' }, { restart_service: 'no-such-service' });
    const refused = await host.run(['run']);
    t.equal(refused.status, 25, refused.stderr);
    t.match(refused.stderr, /no-such-service/);
    t.same(host.snapshot('/data/bin'), before);
  },
);

t.test('a component that did not change is not restarted', async (t) => {
  const { host, publish, services, forge, first } = await running(t);
  forge.release({
    version: '1.1.0',
    serial: 9,
    content: first,
    manifest: { release: 9 },
    component: { restart_service: SERVICE },
  });
  t.equal((await host.run(['run'])).status, 0);
  t.same(services.calls(SERVICE), ['start']);
  publish({ version: '1.2.0' });
});
