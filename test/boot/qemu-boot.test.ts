import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { needs } from '../support/needs.ts';
import { ALL_BOOTS } from '../support/repetitions.ts';
import { slotImage } from './appliance/images.ts';
import { APPLIANCE_PROGRAMS, powerOn } from './appliance/qemu.ts';
import {
  choice,
  environmentOf,
  GOOD,
  markedGood,
  newDisk,
  slotsOf,
} from './appliance/scenario.ts';

const programs = needs(...APPLIANCE_PROGRAMS);
t.setTimeout(1_150_000);

/** Three of them each night. */
const REBOOTS = ALL_BOOTS ? 3 : 1;

const WAYS = [
  { firmware: 'bios', layout: 'A', reboots: REBOOTS },
  { firmware: 'bios', layout: 'B', reboots: 0 },
  { firmware: 'uefi', layout: 'B', reboots: 0 },
] as const;

for (const { firmware, layout, reboots } of WAYS) {
  const more = reboots === 0 ? '' : `, and healthy reboots (${reboots}) use up nothing`;
  t.test(
    `layout ${layout} boots with ${firmware} and is marked good${more}`,
    programs,
    async (t) => {
      const image = await slotImage({ layout, version: '1.0.0' });
      const state = { next: 'A', slots: { A: GOOD, B: GOOD } } as const;
      const disk = await newDisk(t, { state, slots: { A: image, B: image } });
      const machine = await powerOn(t, disk, { firmware });
      for (let boots = 0; boots <= reboots; boots += 1) {
        if (boots > 0) await machine.ok('reboot');
        t.equal(await choice(machine), 'A proven', `after ${boots} reboots`);
        const [, found] = await machine.says(
          /quantix-root: QUANTIX-A is \S+, layout ([AB])/,
        );
        t.equal(found, layout);
        t.equal(await markedGood(machine), 'A');
      }
      t.match(await slotsOf(machine), {
        booted: 'A',
        reason: 'proven',
        a: { version: '1.0.0' },
      });
      const counting = /3 [ 3]*2 [ 2]*1 /;
      t.notOk(
        machine.said().some((line) => counting.test(line)),
        'GRUB starts at once',
      );
      await machine.cutPower();
      t.match(await environmentOf(disk), { next: 'A', a: 'good-8', b: 'good-8' });
    },
  );
}

t.test('a machine that stands still is asked what it does', programs, async (t) => {
  const disk = path.join(t.testdir(), 'empty');
  fs.writeFileSync(disk, Buffer.alloc(1 << 20));
  const machine = await powerOn(t, disk);
  const waiting = machine.says(/a line that no machine says/, 3);
  await t.rejects(waiting, {
    message: /3 s went by .*info registers.*[ER]IP=.*info lapic/s,
  });
});
