import type { Test } from 'tap';
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
}

/** A good system in A, this one on trial in B: three tries, and A is back. */
export async function fallsBack(
  t: Test,
  { image, says, watchdog = false }: Fault,
): Promise<void> {
  const old = await slotImage({ layout: 'A', version: '1.0.0' });
  const state = { next: 'B', slots: { A: GOOD, B: TRIAL } } as const;
  const disk = await newDisk(t, { state, slots: { A: old } });
  if (image !== null) await writeSlot(disk, 'B', await slotImage(image));
  const machine = await powerOn(t, disk, { watchdog });
  for (const attempt of [1, 2, 3]) {
    t.equal(await choice(machine), 'B trial', `try ${attempt}`);
    await machine.says(says);
  }
  t.equal(await choice(machine), 'A fallback');
  t.equal(await markedGood(machine), 'A');
  t.match(await slotsOf(machine), { booted: 'A', reason: 'fallback' });
  await machine.cutPower();
  t.match(await environmentOf(disk), { next: 'A', a: 'good-8', b: 'trial-0' });
}
