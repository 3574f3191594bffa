import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { nodeEffects } from '../../../client/effects/node.ts';
import type { AnyHealthCheck } from '../../../client/format/health.ts';
import { type HealthResult, runHealth } from '../../../client/services/health.ts';
import type { HealthContext } from '../../../client/services/probes.ts';
import { openServiceManager } from '../../../client/services/service-manager.ts';
import { needs } from '../../support/needs.ts';
import { freePort } from '../../support/nginx.ts';
import {
  makeServices,
  serverScript,
  type ServerTraits,
  type Services,
} from '../../support/services/services.ts';
import { component, context, one } from './support.ts';

/** A real service behind an install path, with checks of it. */
async function service(
  t: Test,
  traits: ServerTraits,
): Promise<{ all: HealthContext; services: Services; port: number }> {
  const dir = t.testdir();
  const services = makeServices(t, path.join(dir, 'services'));
  const program = path.join(dir, 'qx-node');
  fs.writeFileSync(program, serverScript(traits), { mode: 0o755 });
  const port = await freePort();
  services.define('quantix-node', program, String(port));
  services.call('quantix-node', 'start');
  const all = context();
  const manager = openServiceManager(nodeEffects({}), services.manager);
  return { all: { ...all, services: manager }, services, port };
}

const REAL: [ServerTraits, boolean, RegExp][] = [
  [{ version: '1' }, true, /runs, pid/],
  [{ version: '2', lateMs: 300 }, true, /runs, pid/],
  [{ version: '3', exits: true }, false, /cannot open the database/],
  [{ version: '4', hangs: true }, false, /the host does not answer; expected within 1 s/],
  [{ version: '5', wrongPort: true }, false, /refuses the connection/],
  [{ version: '6', healthStatus: 500 }, false, /status 500.*: health of 6$/],
  [{ version: '7', diesAfter: 1 }, false, /passed, then failed within/],
];

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}

t.test('real services that misbehave', needs('flock', 'setsid'), async (t) => {
  const http = { type: 'http', path: '/health', timeout_seconds: 1, steady_seconds: 3 };
  for (const [traits, ok, says] of REAL) {
    await t.test(JSON.stringify(traits), async (t) => {
      const { all, services, port } = await service(t, traits);
      const retries = traits.hangs ? 0 : 40;
      const checks: AnyHealthCheck[] = [{ ...http, port, retries }, { type: 'service' }];
      if (traits.hangs) await until(() => isOpen(port));
      if (traits.exits) {
        await until(() => services.pid('quantix-node') === null);
        checks.reverse();
      }
      const [result] = (await runHealth(all, [component(...checks)])).slice(-1);
      t.equal(result?.ok, ok, result?.output ?? '');
      t.match(result?.output, says);
    });
  }
});

function isOpen(port: number): Promise<boolean> {
  const opened = nodeEffects({}).network.connectLocal(port, 1000);
  return opened.then(
    () => true,
    () => false,
  );
}

t.test('a service that is stopped, unknown, or left out', async (t) => {
  const { all, services } = await service(t, { version: '1' });
  const run = async (check: AnyHealthCheck): Promise<HealthResult | undefined> =>
    (await runHealth(all, [component(check)]))[0];
  services.call('quantix-node', 'stop');
  t.match(await run({ type: 'service' }), {
    ok: false,
    check: 'service quantix-node',
    output: /^stopped: /,
  });
  t.match(await run({ type: 'service', service: 'sshd' }), {
    ok: false,
    check: 'service sshd',
    output: /^no service of this host/,
  });
  t.match(await one({ type: 'service' }), { ok: true, output: /no service manager/ });
  const gone = openServiceManager(nodeEffects({}), '/nonexistent/manager');
  t.match(await one({ type: 'service' }, { services: gone }), {
    ok: false,
    output: /the service manager cannot be run; found there is no such program/,
  });
});
