import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import {
  faultsAfter,
  faultsInBetween,
  firstInstall,
  type Scenario,
} from '../support/kill-table.ts';
import { observedClient, readEffects } from '../support/observed-client.ts';
import { type Finished, qxUpdate, run } from '../support/process.ts';
import { type Ended, publish, standing, world } from '../support/three-components.ts';
import { leavesTrace } from '../support/traces.ts';

/**
 * As in kill.test.ts, with processes: every twentieth cut is a SIGKILL, and the built client recovers and goes on. Every
 * tenth each night.
 */

t.setTimeout(600_000);

const EVERY = Number(process.env.QX_KILL_EVERY) || 20;

async function recoverAndApply(dir: string): Promise<Ended> {
  const recovered = await qxUpdate(['--root', dir, 'recover']);
  if (recovered.status !== 0) return ended(recovered);
  return ended(await qxUpdate(['--root', dir, 'apply']));
}

const ended = ({ status, stderr }: Finished): Ended => ({
  status: status ?? -1,
  said: stderr,
});

async function killEverywhere(t: Test, dir: string, scenario: Scenario): Promise<void> {
  const client = await observedClient(t);
  const prepared = path.join(dir, 'prepared');
  await scenario.prepare(prepared);
  t.same(standing(prepared), scenario.before);
  const lay = (name: string): string => {
    const host = path.join(dir, name);
    fs.cpSync(prepared, host, { recursive: true, verbatimSymlinks: true });
    return host;
  };
  const start = (host: string, env: Record<string, string>): Promise<Finished> =>
    run(process.execPath, [client, '--root', host, 'apply'], { env });

  const effects = path.join(dir, 'effects');
  const whole = await start(lay('whole'), { QX_EFFECTS: effects });
  t.equal(whole.status, 0, whole.stderr);
  const count = readEffects(effects).filter(([name, ...words]) =>
    leavesTrace(name, words),
  ).length;
  t.ok(count > 100);
  for (let last = 1; last <= count; last += EVERY) {
    const host = lay(`host-${last}`);
    const killed = await start(host, { QX_KILL_BEFORE: String(last) });
    t.equal(killed.signal, 'SIGKILL', `killed before effect ${last} of ${count}`);
    const faults = faultsInBetween(host, scenario);
    faults.push(...(await faultsAfter(host, scenario, recoverAndApply)));
    t.same(faults, []);
    fs.rmSync(host, { recursive: true });
  }
}

t.test('the first install', async (t) => {
  const { dir, forge, host } = world(t);
  publish(forge, '1.0.0', 1);
  await killEverywhere(t, dir, firstInstall(host));
});

t.test('a later update', async (t) => {
  const { dir, forge, host } = world(t);
  publish(forge, '1.0.0', 1);
  await killEverywhere(t, dir, {
    prepare: async (at) => {
      host(at);
      const first = await qxUpdate(['--root', at, 'apply']);
      t.equal(first.status, 0, first.stderr);
      publish(forge, '2.0.0', 2);
    },
    before: ['1.0.0', '1.0.0', '1.0.0'],
    version: '2.0.0',
  });
});
