import { QxError } from '../../client/format/error.ts';
import type { Root } from '../../client/format/root.ts';
import type { Source } from '../../client/reader/source.ts';
import type { ReleaseIndex } from '../tree/releases.ts';
import type { Workspace } from '../workspace/workspace.ts';

/** What a comparison with a served tree works with. */
export interface Comparison {
  workspace: Workspace;
  /** Under which the host's documents are judged: the newest that it serves, or ours where it serves none. */
  root: Root;
  index: ReleaseIndex;
  source: Source;
}

export interface Preflight {
  /** True when nothing of a tree is served there yet. */
  empty: boolean;
  /** How many served pointers were held against ours. */
  pointers: number;
  releases: number;
  /** QxError `raced`, each one a reason not to publish; none when ours is the next step. */
  conflicts: QxError[];
  /** What is wrong at the host and mended by publishing. */
  warnings: QxError[];
}

/** An index that cannot be read says nothing, and publishing replaces it. */
export async function unsigned<T>(
  found: Preflight,
  reading: () => Promise<T | null>,
): Promise<T | null> {
  try {
    return await reading();
  } catch (error) {
    if (!(error instanceof QxError) || error.code === 'network') throw error;
    found.warnings.push(error);
    return null;
  }
}
