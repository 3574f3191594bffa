import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ROOT } from '../support/setup.mjs';
import { FULL, type Line, type Row, type Scale } from './row.ts';
import { ROWS } from './rows/index.ts';
import { circumstances, tableOf, writeBetweenMarks } from './table.ts';

const README = path.join(ROOT, 'test/bench/README.md');

/** `npm run bench [-- ROW …]`; the exit status: 1 where a bar was missed. */
export async function bench(wanted: readonly string[]): Promise<number> {
  const unknown = wanted.filter((name) => !ROWS.some((row) => row.name === name));
  if (unknown.length > 0) {
    console.error(`bench: error: no such row: ${unknown.join(', ')}`);
    console.error(`bench: hint: rows are ${ROWS.map(({ name }) => name).join(', ')}`);
    return 2;
  }
  const [load = 0] = os.loadavg();
  const started = Date.now();
  const chosen = ROWS.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
  const lines: Line[] = [];
  for (const row of chosen) lines.push(...(await measureRow(row, FULL)));
  const minutes = (Date.now() - started) / 60_000;
  const text = `${circumstances(load, minutes)}\n\n${tableOf(lines)}`;
  console.log(text);
  if (wanted.length === 0) writeBetweenMarks(README, text);
  return lines.every(({ met }) => met) ? 0 : 1;
}

/** One row in a folder of its own, which is gone afterwards. */
export async function measureRow(
  row: Row,
  scale: Scale,
  tell: (line: string) => void = console.error,
): Promise<Line[]> {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'quantix-bench-'));
  const ends: (() => unknown)[] = [
    (): void => fs.rmSync(dir, { recursive: true, force: true }),
  ];
  const say = (line: string): void => tell(`${row.name}: ${line}`);
  try {
    return await row.measure({ dir, say, teardown: (work) => ends.unshift(work) }, scale);
  } finally {
    for (const end of ends) await end();
  }
}
