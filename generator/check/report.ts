import { EXIT_CODES } from '../../client/format/error.ts';
import { formatBytes, formatTable } from '../../client/terminal/text.ts';
import type { ObjectCounts } from './all-objects.ts';
import type { Problem, Problems } from './problems.ts';
import type { Survey } from './survey.ts';

/** What --json says of problems: errors, warnings and notes, each a list of records. */
export function problemRecords(problems: Problems) {
  return {
    problems: problems.of('error').map(record),
    warnings: problems.of('warning').map(record),
    notes: problems.of('info').map(record),
  };
}

function record({ level, code, ...rest }: Problem): Record<string, string | number> {
  const numbered = level === 'info' ? {} : { code, exitCode: EXIT_CODES[code] };
  const said: Record<string, string | number> = { ...numbered };
  for (const [key, value] of Object.entries(rest))
    if (value !== undefined) said[key] = value;
  return said;
}

/** Every problem for people, the worst first, and how many there are. */
export function describeProblems(problems: Problems): string {
  return [...problems.all.map(describeProblem), countProblems(problems)].join('\n');
}

function describeProblem(problem: Problem): string {
  const { level, message, code } = problem;
  const label = level === 'info' ? 'note' : level;
  const number = level === 'error' ? ` (${EXIT_CODES[code]})` : '';
  const lines = [`${label}: ${message}${number}`];
  for (const key of ['where', 'expected', 'found', 'hint'] as const) {
    const value = problem[key];
    if (value !== undefined) lines.push(`  ${key.padEnd(8)}  ${value}`);
  }
  return lines.join('\n');
}

function countProblems(problems: Problems): string {
  const errors = problems.of('error').length;
  const warnings = problems.of('warning').length;
  const say = (count: number, what: string): string =>
    `${count === 0 ? 'no' : count} ${what}${count === 1 ? '' : 's'}`;
  return `${say(errors, 'problem')}, ${say(warnings, 'warning')}`;
}

/** Where a tree stands: its root, its channels, how much lies in it. */
export function describeSurvey(
  name: string,
  survey: Survey,
  pinned: boolean,
  objects?: ObjectCounts,
): string {
  const { root, pointers, manifests } = survey;
  const trust = pinned ? 'pinned' : 'root 1 taken as found';
  const lines = [
    name,
    `repository ${root.repository}, trust root ${root.version} (${trust}), expires ${root.expires}`,
  ];
  const rows = pointers.map(({ pointer }) => [
    `${pointer.product}/${pointer.channel}`,
    pointer.version,
    `${pointer.serial}`,
    pointer.expires,
  ]);
  if (rows.length > 0)
    lines.push(formatTable([['channel', 'version', 'serial', 'expires'], ...rows], [2]));
  lines.push(
    `${manifests.length} manifests${objects ? `, ${describeObjects(objects)}` : ''}`,
  );
  return lines.join('\n');
}

function describeObjects({ checked, checkedBytes, notHere }: ObjectCounts): string {
  const here = `${checked} objects (${formatBytes(checkedBytes)})`;
  return notHere === 0 ? here : `${here}, ${notHere} not here (they were not pulled)`;
}

/** The same for --json. */
export function surveyRecord(survey: Survey, pinned: boolean) {
  const { root, pointers, manifests } = survey;
  return {
    repository: root.repository,
    root: { version: root.version, expires: root.expires, pinned },
    channels: pointers.map(({ pointer }) => {
      const { product, channel, version, serial, issued, expires } = pointer;
      return { product, channel, version, serial, issued, expires };
    }),
    manifests: manifests.length,
  };
}
