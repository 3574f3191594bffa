import type { RepositoryMemory } from '../format/client-state.ts';
import type { Pointer } from '../format/pointer.ts';
import type { Root } from '../format/root.ts';
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

/** Once a day; a clock that went back must not put the next look off for years. */
export function rootsAreDue({ root_checked }: RepositoryMemory, clock: number): boolean {
  const checked = root_checked === undefined ? -Infinity : Date.parse(root_checked);
  return clock - checked >= DAY_MS || checked > clock;
}

/**
 * The memory as it counts under this root. Another root may follow a theft: what an old key said of the time is
 * forgotten.
 */
export function underRoot(memory: RepositoryMemory, root: Root): RepositoryMemory {
  if (memory.root_version === root.version) return memory;
  const next: RepositoryMemory = { ...memory, root_version: root.version };
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
