import fs from 'node:fs';
import { seeded } from '../../support/seeded.ts';
import type { LoggedWrite, WriteLog } from './write-log.ts';

const SECTOR = 512;

/**
 * A disk as it was before a recording, on which power cuts are made: whatever was flushed is there, and of what was
 * not each write is kept, lost, or torn between two sectors, as the seed says.
 */
export class CutDisk {
  readonly path: string;
  readonly #log: WriteLog;
  readonly #file: number;
  #done = 0;
  /** Written and not flushed. */
  #loose: LoggedWrite[] = [];

  /** `path` is changed by what follows. */
  constructor(path: string, log: WriteLog) {
    this.path = path;
    this.#log = log;
    this.#file = fs.openSync(path, 'r+');
  }

  /** How many writes stand to be kept or lost now. */
  get loose(): number {
    return this.#loose.length;
  }

  /** Goes on to the moment before entry `count`; never back. */
  advance(count: number): void {
    for (; this.#done < count; this.#done += 1) {
      const write = this.#log.writes[this.#done];
      if (write === undefined) return;
      if (write.flush) this.#flush();
      if (write.bytes === 0) continue;
      if (write.durable) this.#put(write);
      else this.#loose.push(write);
    }
  }

  /** The power goes here; `look` sees the disk as it is found afterwards, and then it is as before. */
  async cut<T>(seed: number, look: () => Promise<T>): Promise<T> {
    const before = this.#loose.map((write) => this.#read(write));
    const chance = seeded(seed);
    for (const write of this.#loose) {
      const fate = seed === 0 ? 0 : chance.below(3);
      if (fate === 1) this.#put(write);
      else if (fate === 2) this.#put(write, chance.below(write.bytes / SECTOR) * SECTOR);
    }
    const seen = await look();
    for (const [at, write] of this.#loose.entries()) {
      const bytes = before[at];
      if (bytes !== undefined)
        fs.writeSync(this.#file, bytes, 0, bytes.length, write.offset);
    }
    return seen;
  }

  close(): void {
    fs.closeSync(this.#file);
  }

  #flush(): void {
    for (const write of this.#loose) this.#put(write);
    this.#loose = [];
  }

  #put(write: LoggedWrite, bytes = write.bytes): void {
    fs.writeSync(this.#file, this.#log.data(write), 0, bytes, write.offset);
  }

  #read({ offset, bytes }: LoggedWrite): Buffer {
    const buffer = Buffer.alloc(bytes);
    fs.readSync(this.#file, buffer, 0, bytes, offset);
    return buffer;
  }
}
