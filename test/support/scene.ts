import fs from 'node:fs';
import net from 'node:net';
import type { Test } from 'tap';
import { type Forge, makeForge, sha256 } from './forge.ts';
import { type Host, makeHost } from './sandbox.ts';
import {
  makeServices,
  serverScript,
  type ServerTraits,
  type Services,
} from './services/services.ts';

/**
 * A host whose quantix-node is a real server behind /data/bin/qx-node. Every release brings another server;
 * what is wrong with it stands in its script.
 */
export interface Scene {
  forge: Forge;
  host: Host;
  services: Services;
  port: number;
  /** Publishes a version; its script is the content. */
  publish: (traits: ServerTraits, component?: Component) => Buffer;
  /** What the running server says of itself. */
  asks: () => Promise<string>;
}

export type Component = NonNullable<Parameters<Forge['release']>[0]>['component'];

export const SERVICE = 'quantix-node';

export async function scene(t: Test): Promise<Scene> {
  const dir = t.testdir({ tree: {}, host: {}, services: {} });
  const forge = makeForge(`${dir}/tree`);
  const host = makeHost(`${dir}/host`, {
    url: `file://${forge.dir}`,
    root: forge.rootBytes,
  });
  const services = makeServices(t, `${dir}/host/services`);
  const port = await freePort();
  host.configure({ auto_apply: true, service_manager: '/services/manager.sh' });
  services.define(SERVICE, host.path('/data/bin/qx-node'), String(port));
  let serial = 0;
  const publish = (traits: ServerTraits, component: Component = {}): Buffer => {
    serial += 1;
    const content = Buffer.from(serverScript(traits));
    // A second each: a late server has time to come, one that is never well is not waited for.
    const retries = traits.exits === true || traits.healthStatus === 500 ? 4 : 20;
    const health = [{ type: 'http', port, path: '/health', timeout_seconds: 1, retries }];
    forge.release({
      version: traits.version,
      serial,
      content,
      manifest: { release: serial },
      component: { restart_service: SERVICE, health, ...component },
    });
    return content;
  };
  const asks = async (): Promise<string> =>
    (await (await fetch(`http://127.0.0.1:${port}/version`)).text()).trim();
  return { forge, host, services, port, publish, asks };
}

export async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The first release, installed and started. */
export async function running(t: Test): Promise<Scene & { first: Buffer }> {
  const all = await scene(t);
  const first = all.publish({ version: '1.0.0' });
  const { status, stderr } = await all.host.run(['run']);
  t.equal(status, 0, stderr);
  all.services.call(SERVICE, 'start');
  await until(async () => (await all.asks()) === '1.0.0');
  return { ...all, first };
}

export async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    if (await holds().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('does not come to hold');
}

export const installed = (host: Host): string =>
  sha256(fs.readFileSync(host.path('/data/bin/qx-node')));
