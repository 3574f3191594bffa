import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { hashFile } from '../../../client/content/hash.ts';
import { nodeFiles } from '../../../client/effects/files.ts';
import type { Slot } from '../../../client/boot/boot-state.ts';
import type { Descriptor } from '../../../client/format/shapes.ts';
import { seeded } from '../../support/seeded.ts';
import { MIB, partition } from '../appliance/disk.ts';
import { newChooser } from './chooser.ts';
import { CutDisk } from './cut-disk.ts';
import { type LoggedWrite, openWriteLog, type WriteLog } from './write-log.ts';

/** What GRUB would do after a cut, and whether that is sound. */
export interface CutResult {
  /** Before which entry of the log. */
  at: number;
  seed: number;
  loose: number;
  chosen: Slot | null;
  /** Of slot B, when it is the one that is chosen. */
  whole: boolean;
}

export interface Cuts {
  results: CutResult[];
  /** Writes that fell into the slot that ran. */
  intoRunning: number;
}

/**
 * The moments that matter: around every write to the EFI system partition, and `count` others, evenly spread; every one
 * in a log that is shorter.
 */
export function momentsOf(writes: readonly LoggedWrite[], count: number): number[] {
  const esp = partition('EFI');
  const moments = new Set<number>();
  for (const [at, { offset, bytes }] of writes.entries()) {
    if (bytes === 0 || offset < esp.offset || offset >= esp.offset + esp.bytes) continue;
    for (const near of [at, at + 1, at + 2]) moments.add(Math.min(near, writes.length));
  }
  const step = Math.max(1, writes.length / count);
  for (let at = 0; at < writes.length; at += step) moments.add(Math.floor(at));
  return [...moments].sort((a, b) => a - b);
}

/**
 * Replays a recording and makes a cut at each moment. `keep` is called with the disk as it is found after a cut, for
 * those that are to be booted.
 */
export async function makeCuts(
  dir: string,
  recording: { before: string; log: string; image: string },
  count: number,
  change: (log: WriteLog) => WriteLog = (log) => log,
  keep: (result: CutResult, disk: string) => void = () => undefined,
): Promise<Cuts> {
  const log = change(openWriteLog(recording.log));
  const path = `${dir}/cut.img`;
  execFileSync('cp', ['--sparse=always', recording.before, path]);
  const disk = new CutDisk(path, log);
  const esp = partition('EFI');
  const choose = await newChooser(`${dir}/grub`, esp.offset + esp.bytes);
  const wanted = await hashFile(nodeFiles(), recording.image);
  const results: CutResult[] = [];
  for (const at of momentsOf(log.writes, count)) {
    disk.advance(at);
    // All that was not flushed is lost; then a part of it, where there is any.
    const seeds = disk.loose === 0 ? [0] : [0, 1 + seeded(at).below(2 ** 30)];
    for (const seed of seeds) {
      const cut = disk.cut(seed, async () => {
        const chosen = await choose(path);
        const whole = chosen === 'B' && isWhole(path, wanted);
        const result = { at, seed, loose: disk.loose, chosen, whole };
        keep(result, path);
        return result;
      });
      results.push(await cut);
    }
  }
  disk.close();
  log.close();
  return { results, intoRunning: log.writes.filter(intoA).length };
}

function intoA({ offset, bytes }: LoggedWrite): boolean {
  const a = partition('QUANTIX-A');
  return bytes > 0 && offset < a.offset + a.bytes && offset + bytes > a.offset;
}

function isWhole(disk: string, { sha256, size }: Descriptor): boolean {
  const hash = createHash('sha256');
  const file = fs.openSync(disk, 'r');
  const buffer = Buffer.allocUnsafe(MIB);
  const { offset } = partition('QUANTIX-B');
  for (let done = 0; done < size;) {
    const wanted = Math.min(MIB, size - done);
    const count = fs.readSync(file, buffer, 0, wanted, offset + done);
    hash.update(buffer.subarray(0, count));
    done += count;
  }
  fs.closeSync(file);
  return hash.digest('hex') === sha256;
}

/** Neither the old system nor the new one, whole. */
export function violations({ results }: Cuts): CutResult[] {
  return results.filter(
    ({ chosen, whole }) => chosen === null || (chosen === 'B' && !whole),
  );
}
