import os from 'node:os';
import t, { type Test } from 'tap';
import { needs } from '../support/needs.ts';
import { MACHINE_PROGRAMS, type Machine, newMachine } from './machine.ts';
import * as table from './rows.ts';
import { mismatches } from './table.ts';

const SECTIONS = {
  'every state of both slots, each of them next': table.stateRows(),
  'whole, torn, zeroed and foreign copies beside each other': table.copyRows(),
  'generations: ties, carries, the last one, and what is none': table.generationRows(),
  'a write that broke off after every byte': table.tornRows(),
  'values that hope to be run': table.hostileRows(),
  'kernels that cannot be loaded and disks that cannot be written': table.failureRows(),
  'a copy that takes a write and does not show it': table.lyingRows(),
};

t.test(
  'the boot table: GRUB boots what the contract says and leaves what it says',
  needs(...MACHINE_PROGRAMS),
  async (t) => {
    const dir = t.testdir();
    const count = Math.min(4, os.availableParallelism() * 2);
    const machines = await Promise.all(
      Array.from({ length: count }, (_, index) => newMachine(`${dir}/${index}`)),
    );
    for (const [what, rows] of Object.entries(SECTIONS))
      await section(t, machines, what, rows);
  },
);

async function section(
  t: Test,
  machines: readonly Machine[],
  what: string,
  rows: readonly table.Row[],
): Promise<void> {
  const problems = await mismatches(machines, rows);
  t.equal(problems.length, 0, `${what}: ${rows.length} rows`);
  if (problems.length > 0) t.comment(problems.slice(0, 10).join('\n'));
}
