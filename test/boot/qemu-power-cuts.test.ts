import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { memoryFolder } from '../support/memory.ts';
import { needs } from '../support/needs.ts';
import { APPLIANCE_PROGRAMS, powerOn } from './appliance/qemu.ts';
import { choice, markedGood } from './appliance/scenario.ts';
import { MACHINE_PROGRAMS } from './machine.ts';
import { makeCuts, violations } from './power-cuts/oracle.ts';
import { recordUpdate } from './power-cuts/record.ts';
import type { WriteLog } from './power-cuts/write-log.ts';

/**
 * One update of a real appliance, every write and flush of it recorded by QEMU; then the power is cut offline, hundreds
 * of times, with what was not flushed lost or torn. GRUB's choice and the digest of what it chose say whether that is sound.
 */

t.setTimeout(1_150_000);

const CUTS = 320;
/** So many are really booted; ten each night. */
const BOOTED = Number(process.env.QX_BOOTED_CUTS) || 3;

t.test(
  'power cuts at any moment of an update leave the old system or the new one',
  needs('nginx', ...APPLIANCE_PROGRAMS, ...MACHINE_PROGRAMS),
  async (t) => {
    const dir = memoryFolder(t, 2e9);
    // grub-emu runs as somebody else.
    fs.chmodSync(dir, 0o755);
    const recording = await recordUpdate(t, dir);

    const kept: { disk: string; chosen: string | null }[] = [];
    const cuts = await makeCuts(
      dir,
      recording,
      CUTS,
      undefined,
      ({ at, seed, loose, chosen }, disk) => {
        const wanted = loose > 0 && at % 17 === 0;
        if (!wanted || kept.length >= BOOTED) return;
        const copy = path.join(dir, `kept-${at}-${seed}.img`);
        execFileSync('cp', ['--sparse=always', disk, copy]);
        kept.push({ disk: copy, chosen });
      },
    );
    const chosen = (slot: string) =>
      cuts.results.filter((each) => each.chosen === slot).length;
    t.comment(
      `${cuts.results.length} power cuts: ${chosen('A')} boot the old system, ${chosen('B')} the new one`,
    );
    t.ok(cuts.results.length >= 300);
    t.same(violations(cuts), []);
    t.equal(cuts.intoRunning, 0, 'the slot that ran is never written');
    t.ok(chosen('A') > 20 && chosen('B') > 20, 'cuts lie on both sides of the switch');

    const unflushed = (log: WriteLog): WriteLog => ({
      ...log,
      writes: log.writes.map((write) => ({ ...write, flush: false, durable: false })),
    });
    const careless = await makeCuts(dir, recording, 60, unflushed);
    t.ok(violations(careless).length > 0, 'the same writes without a flush are found');
    t.comment(
      `without flushes: ${violations(careless).length} of ${careless.results.length}`,
    );

    for (const { disk, chosen: expected } of kept) {
      const machine = await powerOn(t, disk);
      t.match(await choice(machine), new RegExp(`^${expected} `));
      t.equal(await markedGood(machine), expected);
      await machine.cutPower();
      fs.rmSync(disk);
    }
    t.comment(`${kept.length} of them were really booted`);
  },
);
