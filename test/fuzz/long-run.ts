import os from 'node:os';
import { tally, tell } from './fuzz.ts';
import { Judge } from './judge.ts';
import { endProgress, loadProgress, type Progress, saveProgress } from './progress.ts';
import { TARGETS } from './targets/all.ts';

const CASES = Number(process.env.QX_FUZZ_CASES) || 1_000_000;
const SEED = Number(process.env.QX_FUZZ_SEED) || undefined;
const STRETCH = 20_000;

/** Every target, or those named, on all cores. The exit status: 0 when nothing was found, 2 for a name of none. */
export async function fuzzAll(wanted: readonly string[]): Promise<number> {
  const names = TARGETS.map(({ name }) => name);
  const unknown = wanted.filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    console.error(`fuzz: error: no target: ${unknown.join(', ')}`);
    console.error(`fuzz: hint: targets are ${names.join(', ')}`);
    return 2;
  }
  const progress = loadProgress(SEED);
  console.log(`fuzz: seed ${progress.seed}, ${CASES} cases of each target`);
  const left = names.filter((name) => wanted.length === 0 || wanted.includes(name));
  const threads = Array.from({ length: os.availableParallelism() }, async () => {
    for (let name = left.shift(); name !== undefined; name = left.shift())
      await fuzzTarget(name, progress);
  });
  await Promise.all(threads);
  endProgress();
  for (const failure of progress.failures) console.log(`fuzz: not ok: ${failure}`);
  return progress.failures.length === 0 && left.length === 0 ? 0 : 1;
}

/** What is left of a target; the first failures end it. */
async function fuzzTarget(target: string, progress: Progress): Promise<void> {
  const judge = new Judge();
  const total: Record<string, number> = {};
  const started = performance.now();
  let from = progress.done[target] ?? 0;
  while (from < CASES) {
    const to = Math.min(from + STRETCH, CASES);
    const { verdicts, failures } = await judge.run({
      target,
      seed: progress.seed,
      from,
      to,
    });
    for (const [verdict, count] of Object.entries(verdicts))
      total[verdict] = (total[verdict] ?? 0) + count;
    progress.failures.push(...failures.map(tell));
    from = failures.length > 0 ? CASES : to;
    progress.done[target] = from;
    saveProgress(progress);
  }
  await judge.close();
  console.log(
    `fuzz: ${target}: ${tally({ verdicts: total }, performance.now() - started)}`,
  );
}
