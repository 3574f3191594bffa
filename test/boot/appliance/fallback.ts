import type { Test } from 'tap';
import { ALL_BOOTS } from '../../support/repetitions.ts';
import { writeSlot } from './disk.ts';
import { type ImageWish, slotImage } from './images.ts';
import { powerOn } from './qemu.ts';
import {
  choice,
  environmentOf,
  GOOD,
  markedGood,
  newDisk,
  slotsOf,
  TRIAL,
} from './scenario.ts';

/** What is wrong with the image in slot B, and the words with which each of its three tries ends. */
export interface Fault {
  name: string;
  image: ImageWish | null;
  says: RegExp;
  watchdog?: boolean;
  /** How many of its three tries are left; GRUB counts each alike, so one scenario of a kind begins with all. */
  triesLeft?: 1 | 3;
}

/** Those that a scenario begins with; every night, all three. */
function triesOf({ triesLeft = 3 }: Fault): 1 | 3 {
  return ALL_BOOTS ? 3 : triesLeft;
}

export function titleOf(fault: Fault): string {
  const tries = triesOf(fault) === 3 ? 'three tries' : 'the last try';
  return `${tries}, then the old system: ${fault.name}`;
}

/** A good system in A, this one on trial in B: its tries, and A is back. */
export async function fallsBack(t: Test, fault: Fault): Promise<void> {
  const { image, says, watchdog = false } = fault;
  const old = await slotImage({ layout: 'A', version: '1.0.0' });
  const tries = triesOf(fault);
  const B = { ...TRIAL, triesLeft: tries };
  const state = { next: 'B', slots: { A: GOOD, B } } as const;
  const disk = await newDisk(t, { state, slots: { A: old } });
  if (image !== null) await writeSlot(disk, 'B', await slotImage(image));
  const machine = await powerOn(t, disk, { watchdog });
  for (let attempt = 1; attempt <= tries; attempt += 1) {
    t.equal(await choice(machine), 'B trial', `try ${attempt}`);
    await machine.says(says);
  }
  t.equal(await choice(machine), 'A fallback');
  t.equal(await markedGood(machine), 'A');
  t.match(await slotsOf(machine), { booted: 'A', reason: 'fallback' });
  await machine.cutPower();
  t.match(await environmentOf(disk), { next: 'A', a: 'good-8', b: 'trial-0' });
}
