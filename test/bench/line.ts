import { median } from './measure.ts';
import type { Line } from './row.ts';

/** The two sides of a row: the medians of both, and their ratio held against a bar. */
export function ratioLine(
  about: Pick<Line, 'work' | 'against'>,
  ours: readonly number[],
  theirs: readonly number[],
  bar: { below: number } | { atMost: number } | undefined,
): Line {
  const [mine, peers] = [median(ours), median(theirs)];
  const ratio = mine / peers;
  return {
    ...about,
    measured: `${seconds(mine)} : ${seconds(peers)}`,
    result: ratio.toFixed(2),
    ...judged(ratio, bar),
  };
}

function judged(
  ratio: number,
  bar: { below: number } | { atMost: number } | undefined,
): Pick<Line, 'bar' | 'met'> {
  if (bar === undefined) return { bar: '–', met: true };
  if ('below' in bar) return { bar: `< ${bar.below}`, met: ratio < bar.below };
  return { bar: `≤ ${bar.atMost}`, met: ratio <= bar.atMost };
}

/** "84 ms", "1.34 s", "146 s" */
export function seconds(ms: number): string {
  if (ms < 1_000) return `${ms.toFixed(0)} ms`;
  const digits = ms < 10_000 ? 2 : 0;
  return `${(ms / 1000).toFixed(digits)} s`;
}

/** "96 MB" */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}
