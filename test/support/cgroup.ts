import fs from 'node:fs';
import path from 'node:path';
import type { Test } from 'tap';

/** A control group of its own in which a program has so much memory, its page cache included, and no swap. */
export interface MemoryLimit {
  /** Words in front of a program: it and all that it starts are in the group. */
  words: string[];
  /** How many processes the kernel killed because there was no more, and how often it had to reclaim what it could. */
  kills(): number;
  reclaims(): number;
}

interface Version {
  parent: string;
  limits: readonly [file: string, value: (bytes: number) => number][];
  /** Files, and the words in front of the counts. */
  kills: readonly [file: string, word: string];
  reclaims: readonly [file: string, word: string];
}

const VERSIONS: readonly Version[] = [
  {
    parent: '/sys/fs/cgroup/memory',
    limits: [['memory.limit_in_bytes', (bytes) => bytes]],
    kills: ['memory.oom_control', 'oom_kill '],
    reclaims: ['memory.failcnt', ''],
  },
  {
    parent: '/sys/fs/cgroup',
    limits: [
      ['memory.max', (bytes) => bytes],
      ['memory.swap.max', () => 0],
    ],
    kills: ['memory.events', 'oom_kill '],
    reclaims: ['memory.events', 'max '],
  },
];

/** Null where this process may make no such group. */
function makeGroup(): { group: string; version: Version } | null {
  for (const version of VERSIONS) {
    try {
      const group = fs.mkdtempSync(path.join(version.parent, 'quantix-test-'));
      if (version.limits.every(([file]) => fs.existsSync(path.join(group, file))))
        return { group, version };
      fs.rmdirSync(group);
    } catch {
      // Not there, read-only, or not ours.
    }
  }
  return null;
}

/** Options of a test that limits memory; skipped where that cannot be done. */
export function needsMemoryLimit(): { skip?: string } {
  const made = makeGroup();
  if (made === null) return { skip: 'because no control group can be made here' };
  fs.rmdirSync(made.group);
  return {};
}

/** Ends with the test. */
export function memoryLimit(t: Test, bytes: number): MemoryLimit {
  const made = makeGroup();
  if (made === null) throw new Error('no control group can be made here');
  const { group, version } = made;
  t.teardown(() => fs.rmdirSync(group));
  for (const [file, value] of version.limits)
    fs.writeFileSync(path.join(group, file), `${value(bytes)}`);
  const count = ([file, word]: readonly [string, string]): number => {
    const text = fs.readFileSync(path.join(group, file), 'utf8');
    return Number(new RegExp(`^${word}(\\d+)$`, 'm').exec(text)?.[1]);
  };
  const join = `echo $$ > ${group}/cgroup.procs && exec "$@"`;
  return {
    words: ['sh', '-c', join, 'sh'],
    kills: () => count(version.kills),
    reclaims: () => count(version.reclaims),
  };
}
