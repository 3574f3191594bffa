import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import type { Test } from 'tap';

/**
 * An ext4 of its own, mounted over a folder: its blocks lie in a sparse file on a tmpfs. When that tmpfs is full, a
 * block that was never written before cannot be written now, and the kernel says so as it does for a dying disk: EIO.
 */
export interface LoopDisk {
  mount(): void;
  unmount(): void;
  remount(how: 'ro' | 'rw'): void;
  /** From now on so many bytes of new blocks can be written, then none. */
  dieAfter(bytes: number): void;
  /** The disk is well again, and its file system is checked, as at a boot; throws when it cannot be repaired. */
  repair(): void;
}

const run = (program: string, ...args: string[]): void =>
  void execFileSync(program, args, { stdio: 'ignore' });

/** What lies below `at` moves onto the disk. Needs mounts, and goes with the test. */
export function loopDisk(t: Test, at: string, megabytes: number): LoopDisk {
  const backing = `${at}-backing`;
  const [image, filler] = [path.join(backing, 'image'), path.join(backing, 'filler')];
  const before = `${at}-before`;
  fs.mkdirSync(backing);
  run('mount', '-t', 'tmpfs', '-o', `size=${megabytes + 8}m`, 'quantix-test', backing);
  let mounted = false;
  const disk: LoopDisk = {
    mount: () => {
      run('mount', '-o', 'loop', image, at);
      mounted = true;
    },
    unmount: () => {
      if (mounted) run('umount', at);
      mounted = false;
    },
    remount: (how) => run('mount', '-o', `remount,${how}`, at),
    dieAfter: (bytes) => fillUp(filler, backing, bytes),
    repair: () => {
      fs.rmSync(filler, { force: true });
      const { status } = spawnSync('e2fsck', ['-fy', image]);
      // 1: errors were corrected.
      if (status !== 0 && status !== 1) throw new Error(`e2fsck ended with ${status}`);
    },
  };
  t.teardown(() => {
    disk.unmount();
    run('umount', '-l', backing);
  });
  fs.writeFileSync(image, '');
  fs.truncateSync(image, megabytes * 1024 * 1024);
  run('mke2fs', '-q', '-F', '-t', 'ext4', '-E', 'lazy_itable_init=0', image);
  fs.renameSync(at, before);
  fs.mkdirSync(at);
  disk.mount();
  fs.cpSync(before, at, { recursive: true, verbatimSymlinks: true });
  // What a host has had for long does not wait in memory to be written when its disk dies.
  run('sync', '-f', at);
  fs.rmSync(before, { recursive: true });
  return disk;
}

/** A file that takes all room of a file system but so many bytes. */
export function fillUp(file: string, folder: string, leave: number): void {
  fs.rmSync(file, { force: true });
  const { bavail, bsize } = fs.statfsSync(folder);
  const piece = Buffer.alloc(64 * 1024, 'x');
  const out = fs.openSync(file, 'w');
  try {
    for (let left = bavail * bsize - leave; left > 0; left -= piece.length)
      fs.writeSync(out, piece, 0, Math.min(piece.length, left));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    fs.closeSync(out);
  }
}
