import t from 'tap';
import { needs } from '../support/needs.ts';
import { slotImage } from './appliance/images.ts';
import { APPLIANCE_PROGRAMS, powerOn } from './appliance/qemu.ts';
import {
  choice,
  environmentOf,
  GOOD,
  markedGood,
  newDisk,
  NONE,
  slotsOf,
} from './appliance/scenario.ts';

const programs = needs(...APPLIANCE_PROGRAMS);
t.setTimeout(1_150_000);

const WAYS = [
  { firmware: 'bios', layout: 'A' },
  { firmware: 'bios', layout: 'B' },
  { firmware: 'uefi', layout: 'B' },
] as const;

for (const { firmware, layout } of WAYS) {
  t.test(
    `layout ${layout} boots with ${firmware} and is marked good`,
    programs,
    async (t) => {
      const image = await slotImage({ layout, version: '1.0.0' });
      const state = { next: 'A', slots: { A: GOOD, B: NONE } } as const;
      const disk = await newDisk(t, { state, slots: { A: image } });
      const machine = await powerOn(t, disk, { firmware });
      t.equal(await choice(machine), 'A proven');
      const [, found] = await machine.says(
        /quantix-root: QUANTIX-A is \S+, layout ([AB])/,
      );
      t.equal(found, layout);
      t.equal(await markedGood(machine), 'A');
      t.match(await slotsOf(machine), {
        booted: 'A',
        reason: 'proven',
        a: { version: '1.0.0' },
      });
      await machine.cutPower();
      t.match(await environmentOf(disk), { next: 'A', a: 'good-8', b: 'none' });
    },
  );
}

t.test('three healthy reboots use up nothing of a proven slot', programs, async (t) => {
  const image = await slotImage({ layout: 'A', version: '1.0.0' });
  const state = { next: 'A', slots: { A: GOOD, B: GOOD } } as const;
  const disk = await newDisk(t, { state, slots: { A: image, B: image } });
  const machine = await powerOn(t, disk);
  for (const reboots of [0, 1, 2, 3]) {
    if (reboots > 0) await machine.ok('reboot');
    t.equal(await choice(machine), 'A proven', `after ${reboots} reboots`);
    t.equal(await markedGood(machine), 'A');
  }
  await machine.cutPower();
  t.match(await environmentOf(disk), { next: 'A', a: 'good-8', b: 'good-8' });
});
