import type { RepositoryMemory } from '../format/client-state.ts';
import type { Pointer } from '../format/pointer.ts';
import { keysOfRole, type Root } from '../format/root.ts';
import { formatTime } from '../format/time.ts';
import { BUILD_TIME_MS } from '../version.ts';

/** What a host has learned from a repository, and how long that counts. All pure. */

const DAY_MS = 86_400_000;

/** Milliseconds: a clock that stands before what is known for certain is not believed. */
export function trustedNow(
  clock: number,
  memory: RepositoryMemory,
  buildTime = BUILD_TIME_MS,
): number {
  const issued = memory.issued === undefined ? 0 : Date.parse(memory.issued);
  return Math.max(clock, buildTime, issued);
}

/** Once a day; a clock that went back must not put the next time off for years. */
export function isDue(last: string | undefined, clock: number): boolean {
  const lastMs = last === undefined ? -Infinity : Date.parse(last);
  return clock - lastMs >= DAY_MS || lastMs > clock;
}

/**
 * The memory as it counts under this root. Another root may follow a theft: what an old key said of the time is
 * forgotten, and where a key may sign releases no more, the floors, which it may have put out of reach. `before` is the
 * root that the memory speaks of; null where it is not known any more.
 */
export function underRoot(
  memory: RepositoryMemory,
  before: Root | null,
  root: Root,
  clock: number,
): RepositoryMemory {
  if (memory.root_version === root.version) return memory;
  const [root_version, root_since] = [root.version, formatTime(clock)];
  const next: RepositoryMemory = { ...memory, root_version, root_since };
  delete next.issued;
  if (before === null || losesReleaseKey(before, root)) next.floors = {};
  return next;
}

/** True when `after` leaves a release key of `before` out. By the keys themselves: an id proves nothing. */
export function losesReleaseKey(before: Root, after: Root): boolean {
  const [had, has] = [before, after].map((root) => {
    const { release } = root.roles;
    const keys = release === undefined ? [] : keysOfRole(root, release);
    return keys.map(({ bytes }) => bytes.toString('hex'));
  });
  return had?.some((key) => has?.includes(key) !== true) ?? false;
}

/** The memory of a host that begins anew with a root that no other leads to. */
export function underPin(memory: RepositoryMemory, root: Root): RepositoryMemory {
  const next: RepositoryMemory = { ...memory, root_version: root.version, floors: {} };
  delete next.root_since;
  delete next.issued;
  return next;
}

/** All roots that the tree has were seen at this time. */
export function withRootsChecked(
  memory: RepositoryMemory,
  clock: number,
): RepositoryMemory {
  return { ...memory, root_checked: formatTime(clock) };
}

/** Step 6: an accepted pointer of `slot` ("product/channel"), and what a conditional request needs. */
export function withPointer(
  memory: RepositoryMemory,
  slot: string,
  { pointer, sha256 }: { pointer: Pointer; sha256: string },
  { etag, lastModified }: { etag?: string; lastModified?: string },
): RepositoryMemory {
  const seen = memory.issued ?? '';
  return {
    ...memory,
    // Times in one form sort as text.
    issued: pointer.issued > seen ? pointer.issued : seen,
    pointers: {
      ...memory.pointers,
      [slot]: {
        serial: pointer.serial,
        sha256,
        ...(etag === undefined ? {} : { etag }),
        ...(lastModified === undefined ? {} : { last_modified: lastModified }),
      },
    },
  };
}
