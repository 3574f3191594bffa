import { createHash } from 'node:crypto';
import { QxError } from '../format/error.ts';
import type { Pointer } from '../format/pointer.ts';
import { formatTime } from '../format/time.ts';

/** Step 7: a rollout lets hosts through one by one. Nobody counts them: each finds its own place. */

export type Rollout = NonNullable<Pointer['rollout']>;

/** What a rollout knows of a host. */
export interface RolloutHost {
  id: string;
  groups: readonly string[];
}

/** `never` is the rest of this rollout: the pointer has to change first. */
export type Turn =
  | { turn: 'now' }
  | { turn: 'later'; fromMs: number }
  | { turn: 'never'; why: 'groups' | 'share' };

const HOUR_MS = 3_600_000;

/** When a host takes a release, told by the SHA-256 of its manifest. Once it is `now` it stays so. */
export function turnOf(
  rollout: Rollout,
  release: string,
  host: RolloutHost,
  nowMs: number,
): Turn {
  const { groups } = rollout;
  if (groups !== undefined && !groups.some((group) => host.groups.includes(group)))
    return { turn: 'never', why: 'groups' };
  const fromMs = turnMs(rollout, placeOf(host.id, release));
  if (fromMs === null) return { turn: 'never', why: 'share' };
  return nowMs >= fromMs ? { turn: 'now' } : { turn: 'later', fromMs };
}

/**
 * A host's place in the queue for one release, in percent from 0 to below 100. Each release shuffles anew, so
 * that nobody is always among the first.
 */
export function placeOf(hostId: string, release: string): number {
  const digest = createHash('sha256').update(`${hostId} ${release}`).digest();
  return (digest.readUIntBE(0, 6) / 2 ** 48) * 100;
}

/** The moment at which the growing share of hosts passes a place; null when it never does. */
function turnMs({ start, hours, from, to }: Rollout, place: number): number | null {
  const startMs = Date.parse(start);
  if (place < from) return startMs;
  if (place >= to) return null;
  return startMs + ((place - from) / (to - from)) * hours * HOUR_MS;
}

/** Percent of hosts that a rollout lets through at a moment. */
export function shareAt({ start, hours, from, to }: Rollout, nowMs: number): number {
  const passedHours = (nowMs - Date.parse(start)) / HOUR_MS;
  if (passedHours < 0) return 0;
  return passedHours >= hours ? to : from + ((to - from) * passedHours) / hours;
}

/** QxError `deferred` until a host's turn has come. */
export function checkTurn(
  rollout: Rollout,
  release: string,
  host: RolloutHost,
  nowMs: number,
  where: string,
): void {
  const turn = turnOf(rollout, release, host, nowMs);
  if (turn.turn === 'now') return;
  const { groups = [], to } = rollout;
  const refusals = {
    groups: {
      expected: `one of the groups ${groups.join(', ')}`,
      hint: 'the rollout is for these groups alone; "groups" in update.toml says which this host is in',
    },
    share: {
      expected: `a place below ${to} %`,
      hint: 'the publisher lets no more hosts through; "--now" takes it all the same',
    },
  };
  const place = `this host's place is ${placeOf(host.id, release).toFixed(2)} %`;
  throw new QxError(
    'deferred',
    turn.turn === 'later'
      ? 'rollout: the turn of this host has not come'
      : 'rollout: this host is not among its hosts',
    {
      where,
      found: place,
      ...(turn.turn === 'later'
        ? {
            expected: `${formatTime(Math.ceil(turn.fromMs / 1000) * 1000)} or later`,
            hint: 'it takes the release by itself then; "--now" takes it at once',
          }
        : refusals[turn.why]),
    },
  );
}
