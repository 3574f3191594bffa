import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Test } from 'tap';

/** A folder in memory, where there is one with so much room (some containers have 64 MB); gone with the test. */
export function memoryFolder(t: Test, bytes = 0): string {
  const dir = fs.mkdtempSync(
    path.join(hasRoom('/dev/shm', bytes) ? '/dev/shm' : os.tmpdir(), 'quantix-'),
  );
  t.teardown(() => fs.rmSync(dir, { recursive: true, force: true }));
  return dir;
}

function hasRoom(folder: string, bytes: number): boolean {
  if (!fs.existsSync(folder)) return false;
  const { bavail, bsize } = fs.statfsSync(folder);
  return bavail * bsize >= bytes;
}
