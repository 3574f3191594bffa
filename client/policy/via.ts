import gt from 'semver/functions/gt.js';
import lt from 'semver/functions/lt.js';
import satisfies from 'semver/functions/satisfies.js';
import type { Pointer } from '../format/pointer.ts';

/** Step 7: hosts that are too old for a release go to another one first. */

export type SteppingStone = NonNullable<Pointer['via']>[number];

/**
 * The release to which a host of this version goes first; null where it goes straight to the pointer's own. Of several
 * that are for it the lowest, so that no stone is left out. One never leads back or past the pointer's release.
 */
export function nextStone(
  { version, via = [] }: Pick<Pointer, 'version' | 'via'>,
  installed: string | undefined,
): SteppingStone | null {
  if (installed === undefined) return null;
  const stones = via.filter(
    (stone) =>
      // A pre-release that somebody runs is as old as its number says.
      satisfies(installed, stone.for, { includePrerelease: true }) &&
      gt(stone.version, installed) &&
      lt(stone.version, version),
  );
  const [first = null, ...others] = stones;
  return others.reduce(
    (low, each) => (low && lt(each.version, low.version) ? each : low),
    first,
  );
}
