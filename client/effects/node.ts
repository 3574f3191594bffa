import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Effects } from './effects.ts';
import { nodeFiles } from './files.ts';
import { nodeNetwork } from './network.ts';
import { nodeProcesses } from './processes.ts';
import { nodeServer } from './server.ts';

/** The real world. `env` is read for proxy variables and PATH only. */
export function nodeEffects(env: Record<string, string | undefined>): Effects {
  return {
    files: nodeFiles(),
    network: nodeNetwork(env),
    processes: nodeProcesses(env),
    server: nodeServer(),
    clock: {
      now: () => Date.now(),
      sleep: (ms, signal) => sleep(ms, undefined, signal === undefined ? {} : { signal }),
    },
    random: { bytes: (count) => randomBytes(count) },
  };
}
