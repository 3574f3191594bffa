import { run } from '../support/process.ts';

/** What a script cost, with everything that it started and waited for. */
export interface Cost {
  wallMs: number;
  /** In user mode and in the kernel, all processes together. */
  cpuMs: number;
  stdout: string;
}

/** Runs "$@". */
export const PLAINLY = '"$@"';

/** The shell's own clock: the children's times as wait4(2) gives them, in milliseconds. */
const TIMED = (script: string): string => `set -euo pipefail
TIMEFORMAT='%3R %3U %3S'
time { ${script}; }`;

const TIMES = /(\d+\.\d{3}) (\d+\.\d{3}) (\d+\.\d{3})\n$/;

/**
 * Runs a bash script, whose "$1", "$2" … are `args`, to its end. Both sides of a row go through here, so that
 * both pay for the same shell. Throws with what was printed when any part of it fails.
 */
export async function measure(
  script: string,
  args: readonly string[],
  options: { env?: Record<string, string>; cwd?: string } = {},
): Promise<Cost> {
  const { status, stdout, stderr } = await run(
    'bash',
    ['-c', TIMED(script), 'bash', ...args],
    { ...options, timeoutMs: 3_600_000 },
  );
  const times = TIMES.exec(stderr);
  if (status !== 0 || times === null) {
    throw new Error(
      `${script} ${args.join(' ')} ended with ${status}:\n${stdout}${stderr}`,
    );
  }
  const [wallMs = 0, userMs = 0, systemMs = 0] = times
    .slice(1)
    .map((text) => Number(text) * 1000);
  return { wallMs, cpuMs: userMs + systemMs, stdout };
}

/**
 * Ours and theirs in turn, `times` times each: what else the machine does meanwhile hits both. Who begins changes,
 * because the second of two finds the disk busy with what the first one wrote.
 */
export async function inTurn<A, B>(
  times: number,
  ours: () => Promise<A>,
  theirs: () => Promise<B>,
): Promise<{ ours: A[]; theirs: B[] }> {
  const all = { ours: [] as A[], theirs: [] as B[] };
  for (let time = 0; time < times; time += 1) {
    if (time % 2 === 0) all.ours.push(await ours());
    all.theirs.push(await theirs());
    if (time % 2 === 1) all.ours.push(await ours());
  }
  return all;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low = NaN, high = NaN] = [
    sorted[Math.ceil(middle) - 1],
    sorted[Math.floor(middle)],
  ];
  return (low + high) / 2;
}
