import type { Clock } from '../effects/effects.ts';

export type Cached<T> = (() => Promise<T>) & {
  /** Who asks from now on is not answered with what is known, or with work that is under way. */
  forget(): void;
};

/** The same work for all who ask while it is done, and for `ms` after. What failed is done again. */
export function cached<T>(clock: Clock, ms: number, work: () => Promise<T>): Cached<T> {
  let standing: { value: Promise<T>; until: number } | null = null;
  const ask = (): Promise<T> => {
    if (standing !== null && clock.now() < standing.until) return standing.value;
    const mine = { value: work(), until: Infinity };
    standing = mine;
    mine.value.then(
      () => (mine.until = clock.now() + ms),
      () => (mine.until = 0),
    );
    return mine.value;
  };
  return Object.assign(ask, { forget: () => void (standing = null) });
}
