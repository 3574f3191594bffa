import t from 'tap';
import { needs } from '../support/needs.ts';
import { slotImage } from './appliance/images.ts';
import { newPublisher } from './appliance/publisher.ts';
import { APPLIANCE_PROGRAMS, powerOn } from './appliance/qemu.ts';
import {
  broken,
  choice,
  environmentOf,
  GOOD,
  markedGood,
  newDisk,
  NONE,
  runInBackground,
  slotsOf,
  statusOf,
} from './appliance/scenario.ts';

const programs = needs(...APPLIANCE_PROGRAMS, 'nginx', 'minisign');
t.setTimeout(1_150_000);

t.test(
  'A → B → A over HTTP, with a release between that never gets up',
  programs,
  async (t) => {
    const publisher = await newPublisher(t);
    const image = (version: string): Promise<string> =>
      slotImage({ layout: 'A', version });
    const state = { next: 'A', slots: { A: GOOD, B: NONE } } as const;
    const { config } = publisher;
    const disk = await newDisk(t, { state, slots: { A: await image('1.0.0') }, config });
    const machine = await powerOn(t, disk);
    const update = (): Promise<void> =>
      runInBackground(machine, 'qx-update run --verbose');
    t.equal(await markedGood(machine), 'A');

    await publisher.publish('2.0.0', '--image', await image('2.0.0'));
    await update();
    t.equal(await choice(machine), 'B trial');
    t.equal(await markedGood(machine), 'B');
    t.match(await slotsOf(machine), {
      booted: 'B',
      reason: 'trial',
      next: 'B',
      a: { state: 'good', version: '1.0.0' },
      b: { state: 'good', triesLeft: 8, version: '2.0.0' },
    });

    const panics = broken('2.1.0', { init: '#!/bin/sh\nexit 1\n' });
    await publisher.publish('2.1.0', '--image', await slotImage(panics));
    await update();
    for (const attempt of [1, 2, 3]) {
      t.equal(await choice(machine), 'A trial', `try ${attempt}`);
      await machine.says(/Kernel panic - not syncing: Attempted to kill init/);
    }
    t.equal(await choice(machine), 'B fallback');
    t.equal(await markedGood(machine), 'B');
    const status = await statusOf(machine);
    t.match(status, {
      version: '2.0.0',
      slots: { booted: 'B', reason: 'fallback', a: { state: 'trial', triesLeft: 0 } },
      lastRefusal: { message: /did not become good in any of its three boots/ },
    });
    const again = await machine.run('qx-update run --exit-code');
    t.equal(again.status, 75, `the release is refused: ${again.output}`);

    await publisher.publish('3.0.0', '--image', await image('3.0.0'));
    await update();
    t.equal(await choice(machine), 'A trial');
    t.equal(await markedGood(machine), 'A');
    await machine.cutPower();
    t.match(await environmentOf(disk), { next: 'A', a: 'good-8', b: 'good-8' });
  },
);
