import { type Code, QxError } from '../format/error.ts';
import type { Source } from './source.ts';

/**
 * Several places of the same tree: each is equal, and none is trusted. What one gives and what is refused says
 * nothing of the next.
 */
export interface Mirrors {
  /** All of them and `further` ones, in this order; those that were refused in this run come last. */
  inOrder(further?: readonly Source[]): Source[];
  /**
   * From now on asked last. Gives the error of a mirror; any other (a stop, a defect, this host's own disk) is
   * thrown on. `quietly`: another mirror has served already, and nobody need be alarmed.
   */
  refuse(source: Source, error: unknown, how?: { quietly: boolean }): QxError;
}

/**
 * What may be a mirror's own doing, the most telling first: what a key holder has signed, what somebody must have
 * changed, what may only be late, what does not answer.
 */
const RANKS: readonly Code[] = [
  'too-new',
  'signature',
  'rollback',
  'digest',
  'malformed',
  'stale',
  'network',
  'disk',
];

/** `onTrouble` hears of each that was refused, where there are others. */
export function openMirrors(
  sources: readonly Source[],
  onTrouble: (base: string, error: QxError, quietly: boolean) => void,
): Mirrors {
  const refused = new Set<Source>();
  let places = sources.length;
  return {
    inOrder: (further = []) => {
      const all = [...sources, ...further];
      places = Math.max(places, all.length);
      const last = all.filter((source) => refused.has(source));
      return [...all.filter((source) => !refused.has(source)), ...last];
    },
    refuse: (source, error, { quietly } = { quietly: false }) => {
      if (!(error instanceof QxError) || !RANKS.includes(error.code)) throw error;
      refused.add(source);
      if (places > 1) onTrouble(source.base, error, quietly);
      return error;
    },
  };
}

/** What the first mirror gives that `ask` accepts. When it accepts none, the most telling refusal is thrown. */
export async function firstAccepted<T>(
  mirrors: Mirrors,
  ask: (source: Source) => Promise<T>,
): Promise<T> {
  const refusals: QxError[] = [];
  for (const source of mirrors.inOrder()) {
    try {
      return await ask(source);
    } catch (error) {
      refusals.push(mirrors.refuse(source, error));
    }
  }
  throw mostTelling(refusals);
}

/** The refusal that an operator should hear of first; of equal ones, the one that came first. */
export function mostTelling(refusals: readonly QxError[]): QxError {
  const [first] = refusals.toSorted(
    (a, b) => RANKS.indexOf(a.code) - RANKS.indexOf(b.code),
  );
  return (
    first ??
    new QxError('config', 'no place to read the tree from', {
      expected: 'url or mirrors',
    })
  );
}
