import fs from 'node:fs';
import type { Files, OpenFile } from '../../client/effects/effects.ts';
import { seeded } from './seeded.ts';

/**
 * Files that are overwritten in place, as slots and boot environments are, on a disk with a volatile cache: what was
 * not synced is read again as it was written, and a power cut keeps of it what it likes, sector by sector.
 */
export interface PowerDisk {
  change: (files: Files) => Files;
  /** The power goes: of each unsynced sector the seed decides; seed 0 loses all of them. */
  cut: (seed: number) => void;
}

const SECTOR = 512;

interface Write {
  path: string;
  position: number;
  bytes: Buffer;
}

export interface Flaws {
  /** Turns a bit of what reaches the disk. Reads of the cache do not show it. */
  rots?: (path: string) => boolean;
}

export function powerDisk({ rots = () => false }: Flaws = {}): PowerDisk {
  let pending: Write[] = [];
  const land = ({ path, position, bytes }: Write): void => {
    const file = fs.openSync(path, 'r+');
    const landed = Buffer.from(bytes);
    if (rots(path)) landed[landed.length >> 1] = (landed[landed.length >> 1] ?? 0) ^ 1;
    fs.writeSync(file, landed, 0, landed.length, position);
    fs.closeSync(file);
  };
  const flush = (path: string): void => {
    pending.filter((each) => each.path === path).forEach(land);
    pending = pending.filter((each) => each.path !== path);
  };
  const over = (file: OpenFile, path: string): OpenFile => {
    let end = 0;
    return {
      ...file,
      read: (buffer, position) => file.read(buffer, position),
      close: () => file.close(),
      write: (bytes, position = end) => {
        end = position + bytes.length;
        pending.push({ path, position, bytes: Buffer.from(bytes) });
        return Promise.resolve();
      },
      sync: async () => {
        await file.sync();
        flush(path);
      },
    };
  };
  const cached = (file: OpenFile, path: string): OpenFile => ({
    ...file,
    close: () => file.close(),
    read: async (buffer, position) => {
      const count = await file.read(buffer, position);
      for (const write of pending)
        if (write.path === path) overlay(buffer, position, write);
      return count;
    },
  });
  return {
    change: (files) => ({
      ...files,
      open: async (path, how, mode) => {
        const file = await files.open(path, how, mode);
        if (how === 'overwrite') return over(file, path);
        return how === 'read' ? cached(file, path) : file;
      },
    }),
    cut: (seed) => {
      const chance = seeded(seed);
      for (const { path, position, bytes } of pending) {
        for (let at = 0; at < bytes.length; at += SECTOR) {
          if (seed === 0 || chance.below(2) === 0) continue;
          land({ path, position: position + at, bytes: bytes.subarray(at, at + SECTOR) });
        }
      }
      pending = [];
    },
  };
}

function overlay(buffer: Uint8Array, position: number, write: Write): void {
  const from = Math.max(position, write.position);
  const to = Math.min(position + buffer.length, write.position + write.bytes.length);
  if (from >= to) return;
  buffer.set(
    write.bytes.subarray(from - write.position, to - write.position),
    from - position,
  );
}
