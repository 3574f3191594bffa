import { parseShape } from '../../client/format/document.ts';
import { QxError } from '../../client/format/error.ts';
import { name as nameShape } from '../../client/format/shapes.ts';
import type { Rollout } from '../../client/policy/rollout.ts';
import { isTime } from '../release/times.ts';
import type { Flags, OptionSpec } from './command.ts';

/** How a rollout is described on the command line. */

export const PLAN_OPTIONS: readonly OptionSpec[] = [
  { flag: 'hours N', describe: 'From the first share of hosts to the last' },
  { flag: 'from PERCENT', describe: 'Hosts at its start (0)' },
  { flag: 'to PERCENT', describe: 'Hosts at its end (100)' },
  { flag: 'groups LIST', describe: 'Only hosts of these groups: canary,lab' },
  { flag: 'start TIME', describe: 'When it begins (now): 2026-01-31T12:00:00Z' },
];

const HOURS_MAX = 8760;

/** QxError `usage` for what no rollout can be; `moment` is when it begins unless --start says so. */
export function plannedRollout(flags: Flags, moment: string): Rollout {
  const hours = decimal(flags, 'hours', HOURS_MAX);
  if (hours === undefined || hours === 0) {
    throw new QxError('usage', 'a rollout takes some time', {
      expected: `--hours N, more than 0 and at most ${HOURS_MAX}`,
      found: hours === undefined ? 'nothing' : '--hours 0',
      hint: 'qx-repo point lets everybody have a release at once',
    });
  }
  const groups = groupsOf(flags);
  return {
    start: startOf(flags, moment),
    hours,
    from: decimal(flags, 'from', 100) ?? 0,
    to: decimal(flags, 'to', 100) ?? 100,
    ...(groups === undefined ? {} : { groups }),
  };
}

/** A number with or without a fraction, from 0 on. */
export function decimal(flags: Flags, name: string, max: number): number | undefined {
  const text = flags.text(name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d{1,9}(?:\.\d{1,4})?$/.test(text) && value <= max) return value;
  throw new QxError('usage', `--${name} is not such a number`, {
    expected: `0 to ${max}, with four decimals at the most`,
    found: text,
  });
}

function startOf(flags: Flags, moment: string): string {
  const given = flags.text('start');
  if (given === undefined || isTime(given)) return given ?? moment;
  throw new QxError('usage', '--start is not a time', {
    expected: 'a time like "2026-01-31T12:00:00Z"',
    found: given,
  });
}

function groupsOf(flags: Flags): string[] | undefined {
  const given = flags.text('groups')?.split(',');
  for (const group of given ?? []) parseShape(nameShape, group, '--groups');
  return given;
}
