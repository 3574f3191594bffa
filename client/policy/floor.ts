import type { ClientState } from '../format/client-state.ts';
import { QxError } from '../format/error.ts';
import type { InstalledRelease } from '../format/installed-release.ts';
import type { Root } from '../format/root.ts';
import type { Generation } from '../install/generations.ts';

/** The lowest release number of a product that this host still accepts. */
export function floorOf(state: ClientState, root: Root, product: string): number {
  const learned = state.repositories[root.repository]?.floors[product] ?? 0;
  return Math.max(learned, root.floors?.[product] ?? 0);
}

/** A way back by hand stays at or above the floor. What the appliance came with has no number. QxError `rollback`. */
export function checkGenerationFloor(
  generation: Generation,
  product: string,
  state: ClientState,
  root: Root,
): void {
  const where = `generation ${generation.generation}`;
  checkReleaseFloor(generation.release, product, state, root, where);
}

/** The same for a release; undefined is what the appliance came with. */
export function checkReleaseFloor(
  installed: InstalledRelease | undefined,
  product: string,
  state: ClientState,
  root: Root,
  where: string,
): void {
  const floor = floorOf(state, root, product);
  const release = installed?.release ?? 0;
  if (release >= floor) return;
  throw new QxError('rollback', 'the way back leads below the floor of this host', {
    where,
    expected: `release ${floor} or higher`,
    found:
      installed === undefined ? 'what the appliance came with' : `release ${release}`,
    hint: 'a floor shuts out releases with known holes and cannot be lowered',
  });
}
