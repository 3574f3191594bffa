import type { Test } from 'tap';
import { SEED, TIMES } from '../support/repetitions.ts';
import type { Failure, Report } from './engine.ts';
import { Judge } from './judge.ts';
import { keepFailure } from './regressions.ts';
import { GROUPS } from './targets/all.ts';

const CASES = 10_000 * TIMES;

/** Every target of a group, 10,000 seeded cases each. */
export function fuzzGroup(t: Test, group: string): void {
  t.setTimeout(600_000);
  const judge = new Judge();
  t.teardown(() => judge.close());
  for (const { name } of GROUPS[group] ?? []) {
    t.test(`${CASES} cases of ${name}: taken or refused, and nothing else`, async (t) => {
      const stretch = { target: name, seed: SEED, from: 0, to: CASES };
      const started = performance.now();
      const report = await judge.run(stretch);
      t.comment(`seed ${SEED}, ${tally(report, performance.now() - started)}`);
      for (const failure of report.failures) t.fail(tell(failure));
      if (report.failures.length === 0) checkSpread(t, report);
    });
  }
}

/** One that takes all, or nothing, has not been tried. */
function checkSpread(t: Test, { verdicts }: Report): void {
  const taken = verdicts['accepted'] ?? 0;
  t.ok(taken > CASES / 500, `${taken} are taken`);
  t.equal(
    Object.values(verdicts).reduce((sum, count) => sum + count, 0),
    CASES,
  );
}

/** Says how a failure is seen again, and keeps its input. */
export function tell(failure: Failure): string {
  const { target, seed, number, reason } = failure;
  return `${target}, seed ${seed}, case ${number}: ${reason}; kept as ${keepFailure(failure)}`;
}

/** "12 accepted, 88 malformed; 5000 cases a second" */
export function tally({ verdicts }: Pick<Report, 'verdicts'>, ms: number): string {
  const counts = Object.entries(verdicts)
    .sort()
    .map(([verdict, count]) => `${count} ${verdict}`);
  const total = Object.values(verdicts).reduce((sum, count) => sum + count, 0);
  return `${counts.join(', ')}; ${Math.round((total * 1000) / ms)} cases a second`;
}
