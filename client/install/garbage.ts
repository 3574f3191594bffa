import { discard, listIfThere, removeTree } from '../effects/durable.ts';
import type { Session } from '../session.ts';
import { readState } from '../state/state-store.ts';
import { emptyFolders } from './leftovers.ts';
import {
  type Generation,
  readCurrent,
  readGenerations,
  removeGeneration,
} from './generations.ts';

export interface Garbage {
  /** Numbers of generations that nothing needs. */
  generations: number[];
  /** Paths below store/ that no kept generation names. */
  contents: string[];
}

/**
 * What may go: all but the newest `keep` generations, the current one, its predecessor (the way back) and the
 * ones that adopted what the appliance came with, and the one that another system gets when it boots; those whose record cannot be read, which lead nowhere; and the
 * contents that none of the kept ones names.
 */
export async function findGarbage(session: Session, keep: number): Promise<Garbage> {
  const { fx, layout } = session;
  const current = await readCurrent(fx.files, layout);
  const { whole, unreadable } = await readGenerations(fx.files, layout);
  const numbers = whole.map(({ generation }) => generation);
  const newest = new Set(numbers.slice(-keep));
  const ofSystems = await neededBySystems(session, whole);
  const kept = whole.filter(
    (generation) =>
      newest.has(generation.generation) ||
      generation.generation === current?.generation ||
      generation.generation === current?.previous ||
      generation.release === undefined ||
      ofSystems.has(generation.generation),
  );
  const needed = new Set(
    kept.flatMap((generation) =>
      generation.entries.map((entry) => entry.target.replace('../../store/', '')),
    ),
  );
  const numbersKept = new Set(kept.map((generation) => generation.generation));
  return {
    generations: [...unreadable, ...numbers.filter((each) => !numbersKept.has(each))],
    contents: (await storedContents(session)).filter((content) => !needed.has(content)),
  };
}

/** What each system that a slot still holds was left with, and the newest of one that has not booted yet. */
async function neededBySystems(
  { fx, config }: Session,
  generations: readonly Generation[],
): Promise<Set<number>> {
  const { slots, systems } = await readState(fx.files, config.stateDir);
  const waiting = [slots?.A, slots?.B].flatMap((record) => record?.content ?? []);
  const newest = waiting.flatMap(
    (system) => generations.findLast((each) => each.system === system)?.generation ?? [],
  );
  return new Set([...Object.values(systems ?? {}), ...newest]);
}

/** `<digest>/file-0755` and `<digest>/tree`, all of them. */
async function storedContents({ fx, layout }: Session): Promise<string[]> {
  const contents: string[] = [];
  for (const digest of await listIfThere(fx.files, layout.store)) {
    if (digest.startsWith('.')) continue;
    for (const name of await listIfThere(fx.files, `${layout.store}/${digest}`)) {
      contents.push(`${digest}/${name}`);
    }
  }
  return contents;
}

/** Removes it: generations first, so that none ever names a content that is gone. */
export async function collectGarbage(session: Session, keep: number): Promise<Garbage> {
  const { fx, layout } = session;
  const aside = `${layout.store}/.old`;
  // What a run that was cut off left behind.
  for (const path of [aside, `${layout.generations}/.old`, `${layout.generations}/.new`])
    await removeTree(fx.files, path);
  const garbage = await findGarbage(session, keep);
  for (const number of garbage.generations) {
    await removeGeneration(fx.files, layout, number);
  }
  for (const content of garbage.contents)
    await discard(fx.files, `${layout.store}/${content}`, aside);
  // Those that have just become empty, and those of runs that were cut off.
  for (const name of await emptyFolders(fx.files, layout.store))
    await fx.files.removeDirectory(`${layout.store}/${name}`);
  return garbage;
}
