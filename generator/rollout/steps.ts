import { QxError } from '../../client/format/error.ts';
import type { Pointer } from '../../client/format/pointer.ts';
import { formatTime } from '../../client/format/time.ts';
import { type Rollout, shareAt } from '../../client/policy/rollout.ts';

/** What each step makes of a rollout. All pure; hosts go by what comes out (client/policy/rollout.ts). */

const HOUR_MS = 3_600_000;
/** Parts of a percent and of an hour that are worth writing down: a third of a second of a rollout of one hour. */
const GRAIN = 10_000;

/** QxError `usage` for a rollout that no host would ever feel, or that takes from hosts what they were let through to. */
export function refuseSenseless(
  rollout: Rollout,
  standing: Pointer | undefined,
  nowMs: number,
  where: string,
): void {
  const { start, hours, from, to } = rollout;
  if (from > to) {
    throw new QxError('usage', 'the share of a rollout does not shrink', {
      where,
      expected: `--to ${from} or more`,
      found: `--from ${from} --to ${to}`,
    });
  }
  if (Date.parse(start) + hours * HOUR_MS <= nowMs) {
    throw new QxError('usage', 'the whole rollout lies in the past', {
      where,
      expected: `an end after ${formatTime(nowMs)}`,
      found: `${start} and ${hours} h`,
      hint: 'leave --start out to begin now',
    });
  }
  const before = standing?.rollout;
  if (before === undefined || !sameGroups(before, rollout)) return;
  const share = upwards(shareAt(before, nowMs));
  if (from < share) {
    throw new QxError('usage', 'a rollout of this release has come further already', {
      where,
      expected: `--from ${share} or more`,
      found: `--from ${from}`,
      hint: 'hosts that were let through would be shut out again; "finish" lets everybody through',
    });
  }
}

/** A rollout that stands still: the rest of it, to begin from the share that it had. Its pointer is `paused`. */
export function frozen(rollout: Rollout, nowMs: number): Rollout {
  const passedMs = nowMs - Date.parse(rollout.start);
  if (passedMs < 0) return rollout;
  const left = Math.max(rollout.hours - passedMs / HOUR_MS, 0);
  return {
    ...rollout,
    start: formatTime(nowMs),
    hours: upwards(left),
    // Upwards: who was let through stays so.
    from: Math.min(upwards(shareAt(rollout, nowMs)), rollout.to),
  };
}

/** The rest of it begins now; one that was stopped before its start keeps that. */
export function resumed(rollout: Rollout, nowMs: number): Rollout {
  const start = formatTime(Math.max(Date.parse(rollout.start), nowMs));
  return { ...rollout, start };
}

/** `from 5 % to 100 % in 24 h from 2026-03-01T12:00:00Z on, in canary` */
export function describeRollout({ start, hours, from, to, groups }: Rollout): string {
  const who = groups === undefined ? '' : `, in ${groups.join(' and ')}`;
  return `from ${from} % to ${to} % in ${hours} h from ${start} on${who}`;
}

function upwards(value: number): number {
  // A value that is a grain already is not pushed on by how it is stored.
  return Math.ceil(value * GRAIN - 1e-6) / GRAIN;
}

function sameGroups(a: Rollout, b: Rollout): boolean {
  const say = ({ groups = [] }: Rollout): string => [...groups].sort().join(' ');
  return say(a) === say(b);
}
