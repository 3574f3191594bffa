import t, { type Test } from 'tap';
import { needs } from '../support/needs.ts';
import { ALL_BOOTS, SEED } from '../support/repetitions.ts';
import { seeded } from '../support/seeded.ts';
import { slotImage } from './appliance/images.ts';
import { type Appliance, APPLIANCE_PROGRAMS, powerOn } from './appliance/qemu.ts';
import {
  choice,
  environmentOf,
  GOOD,
  markedGood,
  newDisk,
} from './appliance/scenario.ts';

const programs = needs(...APPLIANCE_PROGRAMS);
t.setTimeout(1_150_000);

/**
 * Cuts in a row after each healthy boot: fewer than the eight tries of a proven slot. Three rows each night. After the
 * last one, a healthy boot gives back what they took.
 */
const CUTS = ALL_BOOTS ? [7, 7, 6, 0] : [7, 0];
/** The services start in the last lines of a boot; half of the cuts are there. */
const LAST_LINES = 30;

/** Both slots are good, so that leaving the proven one would be possible. */
async function provenDisk(t: Test): Promise<string> {
  const image = await slotImage({ layout: 'A', version: '1.0.0' });
  const state = { next: 'A', slots: { A: GOOD, B: GOOD } } as const;
  return newDisk(t, { state, slots: { A: image, B: image } });
}

async function healthyBoot(t: Test, machine: Appliance): Promise<void> {
  t.equal(await choice(machine), 'A proven');
  t.equal(await markedGood(machine), 'A');
}

t.test(
  'seven power cuts in a row during boots, and one right after each marking good, leave a proven slot proven',
  programs,
  async (t) => {
    t.comment(`seed ${SEED}; QX_TEST_SEED=n chooses another`);
    const chance = seeded(SEED);
    const disk = await provenDisk(t);
    for (const cuts of CUTS) {
      const machine = await powerOn(t, disk);
      await healthyBoot(t, machine);
      await machine.cutPower();
      t.match(await environmentOf(disk), { next: 'A', a: 'good-8' });
      const lines = machine.said().length;
      for (let cut = 1; cut <= cuts; cut += 1) {
        const late = chance.below(2) === 1;
        const at = late ? lines - chance.below(LAST_LINES) : chance.below(lines);
        await cutAtLine(t, disk, at);
        t.match(
          await environmentOf(disk),
          { next: 'A', a: /^good-/, b: 'good-8' },
          `cut at line ${at}`,
        );
      }
    }
  },
);

async function cutAtLine(t: Test, disk: string, line: number): Promise<void> {
  const machine = await powerOn(t, disk);
  while (machine.said().length < line) await machine.says(/./);
  await machine.cutPower();
  const other = machine
    .said()
    .find((said) => /Next: QUANTIX-(?!A, because: proven)/.test(said));
  t.equal(other, undefined, 'GRUB stays with A');
}
