import { type Look, type Marks, changedNames, sameMarks } from './look.ts';

/** What the loop knows between two looks. */
export interface Patience {
  /** The marks with which the last publication began; undefined before the first. */
  taken: Marks | undefined;
  last: Marks | undefined;
  /** For so long nothing has moved. Counted in pauses, so that a clock that is set changes nothing. */
  calmMs: number;
  /** When what lies there now was saved. */
  savedMs: number;
  lookedMs: number;
  /** It was said that something is missing. */
  told: boolean;
}

export type Step =
  | { what: 'wait' }
  /** Something that is watched is not there. Said once, until something moves. */
  | { what: 'missing'; names: string[] }
  /** What has changed since the last publication. */
  | { what: 'publish'; names: string[] };

const NOTHING: Marks = new Map();

export function newPatience(nowMs: number): Patience {
  const nothing = { taken: undefined, last: undefined };
  return { ...nothing, calmMs: 0, savedMs: nowMs, lookedMs: nowMs, told: false };
}

/** The state after a look that came `pausedMs` after the one before. */
export function afterLook(
  before: Patience,
  { marks, changedMs }: Look,
  nowMs: number,
  pausedMs: number,
): Patience {
  const still = before.last !== undefined && sameMarks(before.last, marks);
  const seen = { ...before, last: marks, lookedMs: nowMs };
  if (still) return { ...seen, calmMs: before.calmMs + pausedMs };
  // The file system of a share has a clock of its own: a save lies between two looks of ours, whatever that says.
  const savedMs =
    before.last === undefined
      ? nowMs
      : Math.min(Math.max(changedMs, before.lookedMs), nowMs);
  return { ...seen, calmMs: 0, savedMs, told: false };
}

/** What is to be done now. Nothing is published before all of it has been still for `settleMs`. */
export function nextStep(patience: Patience, settleMs: number): Step {
  const { taken = NOTHING, last = NOTHING, calmMs, told } = patience;
  if (sameMarks(taken, last) || calmMs < settleMs) return { what: 'wait' };
  const names = [...last].filter(([, mark]) => mark === null).map(([name]) => name);
  if (names.length === 0) return { what: 'publish', names: changedNames(taken, last) };
  return told ? { what: 'wait' } : { what: 'missing', names };
}

const PAUSE_MS = 250;
const PAUSE_MAX_MS = 5_000;

/** Looking takes a tenth of one core at the most: a folder of 6,000 files is looked at every 1.5 s. */
export function pauseAfter(tookMs: number): number {
  return Math.min(Math.max(PAUSE_MS, 9 * tookMs), PAUSE_MAX_MS);
}
