import fs from 'node:fs';

/** One thing that a machine asked of its disk. Offsets and lengths in bytes. */
export interface LoggedWrite {
  /** On the disk. */
  offset: number;
  bytes: number;
  /** Where the data lies in the log. */
  dataAt: number;
  /** All writes before it are on the disk when it is done. */
  flush: boolean;
  /** This one is. */
  durable: boolean;
}

/** What QEMU's blklogwrites recorded, in order. */
export interface WriteLog {
  writes: LoggedWrite[];
  data(write: LoggedWrite): Buffer;
  close(): void;
}

/** Linux, Documentation/admin-guide/device-mapper/log-writes.rst */
const MAGIC = 0x6a736677736872n;
const FLUSH = 1n;
const FUA = 2n;
const DISCARD = 4n;
const HEAD_BYTES = 32;

export function openWriteLog(path: string): WriteLog {
  const file = fs.openSync(path, 'r');
  const { size } = fs.fstatSync(file);
  const read = (position: number, bytes: number): Buffer => {
    const buffer = Buffer.alloc(bytes);
    return buffer.subarray(0, fs.readSync(file, buffer, 0, bytes, position));
  };
  const head = read(0, HEAD_BYTES);
  if (head.length < HEAD_BYTES || head.readBigUInt64LE(0) !== MAGIC)
    throw new Error(`${path}: no log of writes`);
  const sector = head.readUInt32LE(24);
  const writes: LoggedWrite[] = [];
  for (let at = sector; at + HEAD_BYTES <= size;) {
    const entry = read(at, HEAD_BYTES);
    const [count, flags] = [entry.readBigUInt64LE(8), entry.readBigUInt64LE(16)];
    // The log is a file that is longer than what was written into it.
    if (count === 0n && flags === 0n) break;
    const discard = (flags & DISCARD) !== 0n;
    const bytes = discard ? 0 : Number(count) * sector;
    const dataAt = at + sector;
    if (dataAt + bytes > size) break;
    writes.push({
      offset: Number(entry.readBigUInt64LE(0)) * sector,
      bytes,
      dataAt,
      flush: (flags & FLUSH) !== 0n,
      durable: (flags & FUA) !== 0n,
    });
    at = dataAt + bytes;
  }
  return {
    writes,
    data: ({ dataAt, bytes }) => read(dataAt, bytes),
    close: () => fs.closeSync(file),
  };
}
