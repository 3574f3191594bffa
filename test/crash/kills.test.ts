import path from 'node:path';
import process from 'node:process';
import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import { builtClient, ended } from '../support/built-client.ts';
import { deepFaults, faultsInBetween } from '../support/kill-table.ts';
import { programPath, start } from '../support/process.ts';
import { SEED, TIMES } from '../support/repetitions.ts';
import { seeded } from '../support/seeded.ts';
import { publish, standing, world } from '../support/three-components.ts';

/**
 * One host on which the built client is killed at random times, release after release, as often as it takes. What one
 * kill left is what the next run begins with.
 */

t.setTimeout(1_100_000);

const KILLS = 25 * TIMES;

t.test(`a client that is killed ${KILLS} times`, async (t) => {
  const { dir, forge, host } = world(t);
  const at = path.join(dir, 'host');
  host(at);
  const chance = seeded(SEED);
  t.comment(`seed ${SEED}`);
  /** Milliseconds that a run takes when nobody kills it. */
  let whole = 0;
  const tally = { killed: 0, came: 0, interrupted: 0 };
  const apply = async (): Promise<void> => {
    const began = Date.now();
    const { status, said } = await builtClient(at, ['apply']);
    whole = Date.now() - began;
    if (status !== 0) t.fail(said);
  };
  publish(forge, '0.0.1', 1);
  await apply();
  for (let release = 1; tally.killed < KILLS; release += 1) {
    const [before, version] = [`0.0.${release}`, `0.0.${release + 1}`];
    publish(forge, version, release + 1);
    const scenario = {
      prepare: () => undefined,
      before: [before, before, before],
      version,
    };
    for (let kills = chance.below(3); kills >= 0 && tally.killed < KILLS; kills -= 1) {
      const client = [programPath('qx-update'), '--root', at, 'apply'];
      const words = ['-u', 'NODE_OPTIONS', process.execPath, ...client];
      const { child, ended: end } = start('env', words);
      // Before that Node has not begun with it.
      await setTimeout(whole / 3 + chance.below(whole));
      child.kill('SIGKILL');
      tally.killed += 1;
      const after = ended(await end);
      const wrong = faultsInBetween(at, scenario);
      const deep = await builtClient(at, ['verify', '--deep']);
      if (/unfinished/.test(deep.said)) tally.interrupted += 1;
      if (deep.status !== 0) wrong.push(deep.said);
      if (wrong.length > 0) t.fail(`${version}, ${after.said}: ${wrong.join('; ')}`);
    }
    if (standing(at)[0] === version) tally.came += 1;
    await apply();
    t.same([standing(at), await deepFaults(at)], [[version, version, version], []]);
  }
  t.comment(`${JSON.stringify(tally)}; a whole run takes ${whole} ms`);
  t.ok(tally.interrupted > 0, 'some kills hit in the middle');
});
