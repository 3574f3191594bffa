import fs from 'node:fs';
import t, { type Test } from 'tap';
import type { SlotState } from '../../client/boot/boot-state.ts';
import { needs } from '../support/needs.ts';
import { MIB, partition } from './appliance/disk.ts';
import { slotImage } from './appliance/images.ts';
import { APPLIANCE_PROGRAMS, powerOn } from './appliance/qemu.ts';
import {
  BAD,
  choice,
  environmentOf,
  GOOD,
  markedGood,
  newDisk,
  readCopies,
  slotsOf,
  writeCopies,
} from './appliance/scenario.ts';
import { blank, block, BLOCK_BYTES, type Copies } from './block.ts';

const programs = needs(...APPLIANCE_PROGRAMS);
t.setTimeout(1_150_000);

const SAID = { generation: 10_000_007, next: 'A', a: 'good-8', b: 'good-8' };

/** The environment that a machine meets, what GRUB makes of it, and what the disk holds when A was marked good. */
interface Row {
  name: string;
  copies: Copies;
  choice: string;
  after: object;
}

const whole = block(SAID);
const torn = Buffer.concat([
  block({ ...SAID, generation: 10_000_008, next: 'B' }).subarray(0, 60),
  whole.subarray(60),
]);

const ROWS: Row[] = [
  {
    name: 'both copies empty',
    copies: [blank(BLOCK_BYTES), blank(BLOCK_BYTES)],
    choice: 'A trial',
    after: { next: 'A', a: 'good-8', b: 'trial-3' },
  },
  {
    name: 'the newer copy torn',
    copies: [whole, torn],
    choice: 'A proven',
    after: { next: 'A', a: 'good-8', b: 'good-8' },
  },
  {
    name: 'both copies zeroed',
    copies: [Buffer.alloc(BLOCK_BYTES), Buffer.alloc(BLOCK_BYTES)],
    choice: 'A trial',
    after: { next: 'A', a: 'good-8', b: 'trial-3' },
  },
  {
    name: 'files without a byte',
    copies: [Buffer.alloc(0), Buffer.alloc(0)],
    choice: 'A trial',
    after: { next: 'A', a: 'good-8', b: 'trial-3' },
  },
];

async function disk(t: Test, a: SlotState = GOOD, b: SlotState = GOOD): Promise<string> {
  const image = await slotImage({ layout: 'A', version: '1.0.0' });
  const state = { next: 'A', slots: { A: a, B: b } } as const;
  return newDisk(t, { state, slots: { A: image, B: image } });
}

t.test(
  'whatever the environment holds, the machine boots and makes it whole',
  programs,
  async (t) => {
    const path = await disk(t);
    for (const { name, copies, choice: expected, after } of ROWS) {
      await t.test(name, async (t) => {
        await writeCopies(path, copies);
        const machine = await powerOn(t, path);
        t.equal(await choice(machine), expected);
        t.equal(await markedGood(machine), 'A');
        await machine.cutPower();
        t.match(await environmentOf(path), after);
      });
    }
  },
);

t.test(
  'with both slots bad, one is booted, and is good again once it is well',
  programs,
  async (t) => {
    const path = await disk(t, BAD, BAD);
    const machine = await powerOn(t, path);
    t.equal(await choice(machine), 'A last-resort');
    t.equal(await markedGood(machine), 'A');
    t.match(await slotsOf(machine), {
      booted: 'A',
      reason: 'last-resort',
      b: { state: 'bad' },
    });
  },
);

t.test('with nothing in either slot, it goes on trying', programs, async (t) => {
  const state = { next: 'A', slots: { A: GOOD, B: BAD } } as const;
  const machine = await powerOn(t, await newDisk(t, { state, slots: {} }));
  const seen: string[] = [];
  for (let starts = 0; starts < 10; starts += 1) seen.push(await choice(machine));
  t.same(seen.slice(0, 8), Array(8).fill('A proven'));
  t.same(seen.slice(8), ['A refilled', 'A proven']);
});

t.test('a disk that takes no writes still boots a proven system', programs, async (t) => {
  const path = await disk(t);
  const before = await readCopies(path);
  const file = `driver=raw,node-name=disk,read-only=on,file.driver=file,file.filename=${path}`;
  const machine = await powerOn(t, path, { blockdev: ['-blockdev', file] });
  t.equal(await choice(machine), 'A proven');
  t.match(
    await machine.ok('cat /proc/cmdline'),
    /quantix\.slot=A quantix\.reason=proven/,
  );
  await machine.cutPower();
  t.same(await readCopies(path), before);
});

t.test(
  'with /data destroyed, it boots, is marked good, and says so',
  programs,
  async (t) => {
    const path = await disk(t);
    const { offset } = partition('QUANTIX-DATA');
    const handle = fs.openSync(path, 'r+');
    fs.writeSync(handle, Buffer.alloc(MIB, 0x55), 0, MIB, offset);
    fs.closeSync(handle);
    const machine = await powerOn(t, path);
    t.equal(await choice(machine), 'A proven');
    await machine.says(/\/data is not mounted: \/dev\/vda6 is damaged/);
    t.equal(await markedGood(machine), 'A');
    await machine.cutPower();
    t.match(await environmentOf(path), { next: 'A', a: 'good-8' });
  },
);
