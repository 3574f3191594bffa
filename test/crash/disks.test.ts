import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { builtClient } from '../support/built-client.ts';
import { deepFaults, faultsInBetween, type Scenario } from '../support/kill-table.ts';
import { fillUp, type LoopDisk, loopDisk } from '../support/loop-disk.ts';
import { needs, needsMounts } from '../support/needs.ts';
import { SEED, TIMES } from '../support/repetitions.ts';
import { seeded } from '../support/seeded.ts';
import { publish, standing, world } from '../support/three-components.ts';

/** The built client on an ext4 of its own that is full, read-only, or dying. */

t.setTimeout(1_100_000);

const OLD = ['1.0.0', '1.0.0', '1.0.0'];
const NEW = ['2.0.0', '2.0.0', '2.0.0'];
const SCENARIO: Scenario = { prepare: () => undefined, before: OLD, version: '2.0.0' };
const noMount = { ...needs('mke2fs'), ...needsMounts() };

/** Runs 1.0.0 with /data on the disk; 2.0.0 waits. */
async function hostOnDisk(t: Test): Promise<{ at: string; disk: LoopDisk }> {
  const { dir, forge, host } = world(t);
  const at = path.join(dir, 'host');
  host(at);
  publish(forge, '1.0.0', 1);
  const { status, said } = await builtClient(at, ['apply']);
  t.equal(status, 0, said);
  publish(forge, '2.0.0', 2);
  return { at, disk: loopDisk(t, path.join(at, 'data'), 16) };
}

async function comesToIt(t: Test, at: string): Promise<void> {
  const { status, said } = await builtClient(at, ['apply']);
  t.equal(status, 0, said);
  t.same([standing(at), await deepFaults(at)], [NEW, []]);
}

t.test('a full disk', noMount, async (t) => {
  const { at } = await hostOnDisk(t);
  const filler = path.join(at, 'data/filler');
  const ends: Record<string, number> = {};
  const chance = seeded(SEED);
  for (let run = 0; run < 4 * TIMES && standing(at).join() === OLD.join(); run += 1) {
    // So little that the release does not fit, nor what is set aside for the way back.
    fillUp(filler, path.join(at, 'data'), chance.below(300_000));
    const { status } = await builtClient(at, ['apply']);
    ends[status] = (ends[status] ?? 0) + 1;
    t.same(faultsInBetween(at, SCENARIO), []);
  }
  t.comment(`seed ${SEED}, exit codes ${JSON.stringify(ends)}`);
  t.ok(ends[31], 'and it says so');
  fs.rmSync(filler);
  await comesToIt(t, at);
});

t.test('a disk that has become read-only', noMount, async (t) => {
  const { at, disk } = await hostOnDisk(t);
  disk.remount('ro');
  const { status, said } = await builtClient(at, ['apply']);
  t.equal(status, 31, said);
  t.match(said, /read-only/);
  t.same(standing(at), OLD);
  disk.remount('rw');
  await comesToIt(t, at);
});

t.test('a disk that dies on the way', noMount, async (t) => {
  const ends: Record<string, number> = {};
  const chance = seeded(SEED);
  for (let run = 0; run < 4 * TIMES; run += 1) {
    await t.test(`${run}`, async (t) => {
      const { at, disk } = await hostOnDisk(t);
      disk.dieAfter(chance.below(400_000));
      const { status, said } = await builtClient(at, ['apply']);
      ends[status] = (ends[status] ?? 0) + 1;
      if (status === 0) t.same(standing(at), NEW, said);
      disk.unmount();
      disk.repair();
      disk.mount();
      t.same(faultsInBetween(at, SCENARIO), []);
      await comesToIt(t, at);
    });
  }
  t.comment(`seed ${SEED}, exit codes ${JSON.stringify(ends)}`);
  t.ok(ends[31], 'some runs saw it and said so');
});

t.test('so few descriptors that not even Node starts, and some more', async (t) => {
  const { dir, forge, host } = world(t);
  const at = path.join(dir, 'host');
  host(at);
  publish(forge, '1.0.0', 1);
  await builtClient(at, ['apply']);
  publish(forge, '2.0.0', 2);
  const ends: Record<string, number> = {};
  for (let count = 16; count <= 32; count += 1) {
    const limit = ['sh', '-c', `ulimit -n ${count}; exec "$@"`, 'sh'];
    const { status, said } = await builtClient(at, ['apply'], limit);
    ends[`${count}`] = status;
    if (status === 31) t.match(said, /may open no more files[^]*ulimit -n/);
    t.notMatch(said, /is the program "flock"/);
    t.same(faultsInBetween(at, SCENARIO), []);
  }
  t.comment(`exit codes by descriptors ${JSON.stringify(ends)}`);
  t.not(ends['16'], 0);
  t.ok(Object.values(ends).includes(31), 'and some say what is missing');
  await builtClient(at, ['apply']);
  t.same([standing(at), await deepFaults(at)], [NEW, []]);
});
