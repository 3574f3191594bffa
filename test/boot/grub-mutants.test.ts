import fs from 'node:fs';
import t from 'tap';
import { needs } from '../support/needs.ts';
import { seeded } from '../support/seeded.ts';
import { GRUB_CFG, MACHINE_PROGRAMS, newMachine } from './machine.ts';
import { MUTANTS } from './mutants.ts';
import { mismatches } from './table.ts';

const SEED = 5;

t.test(
  'the boot table notices each thing that can be wrong in grub.cfg',
  needs(...MACHINE_PROGRAMS),
  async (t) => {
    const dir = t.testdir();
    const original = fs.readFileSync(GRUB_CFG, 'utf8');
    const chance = seeded(SEED);
    for (const [index, { what, from, to, rows }] of MUTANTS.entries()) {
      t.equal(original.split(from).length, 2, `one place to change: ${what}`);
      const machine = await newMachine(
        `${dir}/${index}`,
        original.replace(from, () => to),
      );
      // In a chance order, because neighbours in the table are alike.
      const mixed = rows().map((row) => ({ row, at: chance.below(2 ** 30) }));
      mixed.sort((a, b) => a.at - b.at);
      const found = await mismatches(
        [machine],
        mixed.map(({ row }) => row),
        1,
      );
      t.equal(found.length, 1, `a grub.cfg that ${what} (seed ${SEED})`);
    }
  },
);
