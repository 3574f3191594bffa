import { type Values, valuesOf } from './block.ts';
import type { Decision, Machine } from './machine.ts';
import { type Expected, type Start, expect } from './model.ts';
import type { Row } from './rows.ts';

const ARGUMENTS = 'ro console=tty0 console=ttyS0,115200 panic=10 oops=panic';
const PARTITIONS = { A: '(hd0,gpt3)', B: '(hd0,gpt4)' } as const;

/** Rows that came out otherwise than the model says: the row, what was expected, what was seen. */
export async function mismatches(
  machines: readonly Machine[],
  rows: readonly Row[],
  max = Infinity,
): Promise<string[]> {
  const found: string[] = [];
  const waiting = [...rows];
  const work = async (machine: Machine): Promise<void> => {
    for (;;) {
      const row = waiting.shift();
      if (row === undefined || found.length >= max) return;
      const problem = await mismatch(machine, row);
      if (problem !== null) found.push(problem);
    }
  };
  await Promise.all(machines.map(work));
  return found;
}

async function mismatch(machine: Machine, row: Row): Promise<string | null> {
  const expected = expect(row.copies, row.fails);
  const seen = await machine.start(row.bytes, row);
  const wanted = show(callsOf(expected, row.fails ?? []), expected.written);
  const found = show(seen.calls, writtenOf(row, expected, seen));
  return wanted === found
    ? null
    : `${row.why}\n  expected ${wanted}\n  seen     ${found}`;
}

function show(calls: readonly string[], written: readonly unknown[]): string {
  return JSON.stringify({ calls, written });
}

function writtenOf(row: Row, expected: Expected, seen: Decision): unknown[] {
  return seen.copies.map<Values | null | undefined>((bytes, index) => {
    if (bytes.equals(row.bytes[index] ?? bytes)) return undefined;
    // What a lying copy shows is not what was written to it.
    return row.copies[index]?.lies === true ? expected.written[index] : valuesOf(bytes);
  });
}

/** Everything that GRUB is expected to call, in order, with all its words. */
function callsOf({ starts, end }: Expected, fails: readonly string[]): string[] {
  return [
    ...starts.flatMap((start) => loading(start, fails)),
    ...(end === 'reboot' ? ['reboot'] : []),
  ];
}

function loading({ slot, reason }: Start, fails: readonly string[]): string[] {
  const place = PARTITIONS[slot];
  const words = `root=PARTLABEL=QUANTIX-${slot} quantix.slot=${slot} quantix.reason=${reason}`;
  const linux = `linux ${place}/boot/vmlinuz ${words} ${ARGUMENTS}`;
  if (fails.includes(`linux-${slot}`)) return [linux];
  const initrd = `initrd ${place}/boot/initramfs`;
  return fails.includes(`initrd-${slot}`) ? [linux, initrd] : [linux, initrd, 'boot'];
}
