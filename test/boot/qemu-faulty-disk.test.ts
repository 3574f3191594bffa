import fs from 'node:fs';
import t from 'tap';
import { needs } from '../support/needs.ts';
import { MIB, partition } from './appliance/disk.ts';
import { slotImage } from './appliance/images.ts';
import { newPublisher } from './appliance/publisher.ts';
import { APPLIANCE_PROGRAMS, powerOn } from './appliance/qemu.ts';
import {
  choice,
  environmentOf,
  GOOD,
  markedGood,
  newDisk,
  slotsOf,
} from './appliance/scenario.ts';

const programs = needs(...APPLIANCE_PROGRAMS, 'nginx', 'minisign');
t.setTimeout(1_150_000);

/** Where writing to slot B fails, from its beginning. */
const BROKEN_AT = 30 * MIB;

t.test(
  'a slot that is read-only, and a disk that fails in the middle of it',
  programs,
  async (t) => {
    const publisher = await newPublisher(t);
    const old = await slotImage({ layout: 'A', version: '1.0.0' });
    const image = await slotImage({ layout: 'A', version: '2.0.0' });
    t.ok(fs.statSync(image).size > BROKEN_AT, 'the image reaches that far');
    const state = { next: 'A', slots: { A: GOOD, B: GOOD } } as const;
    const { config } = publisher;
    const disk = await newDisk(t, { state, slots: { A: old }, config });
    await publisher.publish('2.0.0', '--image', image);
    const sector = (partition('QUANTIX-B').offset + BROKEN_AT) / 512;
    const fault = [
      ...['driver=blkdebug', 'node-name=disk', 'image=real'],
      ...['inject-error.0.event=pwritev', 'inject-error.0.iotype=write'],
      ...[`inject-error.0.sector=${sector}`, 'inject-error.0.errno=5'],
      ...['inject-error.0.once=off', 'inject-error.0.immediately=on'],
    ];
    const blockdev = [
      ...['-blockdev', `driver=file,node-name=real,filename=${disk}`],
      ...['-blockdev', fault.join(',')],
    ];
    const machine = await powerOn(t, disk, { blockdev });
    t.equal(await choice(machine), 'A proven');
    t.equal(await markedGood(machine), 'A');
    const before = await slotsOf(machine);

    await machine.ok('blockdev --setro /dev/vda4');
    const readOnly = await machine.run('qx-update apply --no-progress', 120);
    t.equal(readOnly.status, 31, readOnly.output);
    t.match(readOnly.output, /the slot cannot be written to/);
    t.same(await slotsOf(machine), before, 'nothing was changed');
    await machine.ok('blockdev --setrw /dev/vda4');

    const failing = await machine.run('qx-update apply --no-progress', 180);
    t.equal(failing.status, 31, failing.output);
    t.match(failing.output, /the disk failed|does not read back/);
    t.match(await slotsOf(machine), {
      booted: 'A',
      next: 'A',
      rebootPending: false,
      b: { state: 'none' },
    });
    const booted = await machine.run('qx-update mark-good');
    t.equal(booted.status, 0, 'the running system goes on');
    await machine.cutPower();
    t.match(await environmentOf(disk), { next: 'A', a: 'good-8', b: 'none' });
  },
);
