import { nodeEffects } from '../../../client/effects/node.ts';
import type { AnyHealthCheck } from '../../../client/format/health.ts';
import type { Component } from '../../../client/format/manifest.ts';
import { type HealthResult, runHealth } from '../../../client/services/health.ts';
import type { HealthContext } from '../../../client/services/probes.ts';
import { openServiceManager } from '../../../client/services/service-manager.ts';

export const COMPONENT: Component = {
  name: 'qx-node',
  version: '1.5.0',
  kind: 'file',
  install_path: '/data/bin/qx-node',
  restart_service: 'quantix-node',
  content: { sha256: '0'.repeat(64), size: 1 },
  sources: [],
};

export function component(...health: AnyHealthCheck[]): Component {
  return { ...COMPONENT, health };
}

/** Real effects; pauses are 20 times as short, and noted. */
export function context(changes: Partial<HealthContext> = {}): HealthContext & {
  pauses: number[];
} {
  const fx = nodeEffects({ PATH: process.env.PATH });
  const pauses: number[] = [];
  const clock: typeof fx.clock = {
    now: () => fx.clock.now(),
    sleep: (ms, signal) => {
      pauses.push(ms);
      return fx.clock.sleep(ms / 20, signal);
    },
  };
  return {
    fx: { ...fx, clock },
    services: openServiceManager(fx, 'none'),
    hooksDir: '/nonexistent/hooks.d',
    contentOf: () => '/nonexistent/content',
    pauses,
    ...changes,
  };
}

export async function one(
  check: AnyHealthCheck,
  changes: Partial<HealthContext> = {},
): Promise<HealthResult & { pauses: number[] }> {
  const all = context(changes);
  const [result] = await runHealth(all, [component(check)]);
  if (result === undefined) throw new Error('no result');
  return { ...result, pauses: all.pauses };
}
