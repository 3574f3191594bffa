import { slotImage } from './appliance/images.ts';
import { newPublisher } from './appliance/publisher.ts';
import { type Appliance, type Owner, powerOn } from './appliance/qemu.ts';
import {
  broken,
  choice,
  GOOD,
  markedGood,
  newDisk,
  NONE,
  runInBackground,
} from './appliance/scenario.ts';

/** What a person who looks at the console would care for. */
const TELLING =
  /Next: QUANTIX|QUANTIX-[AB]: |Linux version|quantix-root|Kernel panic|update-verify|update-check|is good|written to the other slot|restarting|given up|did not become good/;

/** Where GRUB puts its cursor. */
const CURSOR = /\[(?:\d+;\d+)?[HJ]/g;

/** One good update, one that panics at each of its three tries, and the way back; the console as it goes. */
export async function demo(): Promise<number> {
  const ending: (() => unknown)[] = [];
  const owner: Owner = { teardown: (work) => void ending.unshift(work) };
  try {
    await play(owner);
    return 0;
  } catch (error) {
    console.error(error);
    return 1;
  } finally {
    for (const work of ending) await work();
  }
}

async function play(owner: Owner): Promise<void> {
  tell('making three system images and a disk with two slots (a minute, the first time)');
  const old = await slotImage({ layout: 'A', version: '1.0.0' });
  const next = await slotImage({ layout: 'A', version: '2.0.0' });
  const panics = await slotImage(broken('2.1.0', { init: '#!/bin/sh\nexit 1\n' }));
  const publisher = await newPublisher(owner);
  const disk = await newDisk(owner, {
    state: { next: 'A', slots: { A: GOOD, B: NONE } },
    slots: { A: old },
    config: publisher.config,
  });
  tell('switching the machine on: GRUB, Linux, OpenRC');
  const machine = await powerOn(owner, disk);
  const stop = follow(machine);
  owner.teardown(stop);
  await markedGood(machine);

  tell('publishing 2.0.0, a system image; the host does what cron would call');
  await publisher.publish('2.0.0', '--image', next);
  await runInBackground(machine, 'qx-update run');
  await markedGood(machine);
  await show(machine, 'qx-update status');

  tell('publishing 2.1.0, whose kernel panics');
  await publisher.publish('2.1.0', '--image', panics);
  await runInBackground(machine, 'qx-update run');
  for (let tries = 0; tries < 4; tries += 1) await choice(machine);
  await markedGood(machine);
  tell('three tries, and the system before is back');
  await show(machine, 'qx-update status');
  await show(machine, 'qx-update history');
}

function tell(text: string): void {
  console.log(`\n== ${text}`);
}

/** The console's telling lines as they come; the function that is returned ends it. */
function follow(machine: Appliance): () => void {
  let shown = 0;
  const timer = setInterval(() => {
    for (; shown < machine.said().length; shown += 1) {
      const line = machine.said()[shown] ?? '';
      if (TELLING.test(line))
        console.log(`   | ${line.replace(CURSOR, '').trim().slice(0, 110)}`);
    }
  }, 200);
  return () => clearInterval(timer);
}

async function show(machine: Appliance, command: string): Promise<void> {
  console.log(`   $ ${command}`);
  const text = await machine.ok(command);
  for (const line of text.trimEnd().split('\n')) console.log(`   ${line}`);
}
