import { createHash } from 'node:crypto';
import t from 'tap';
import {
  checkTurn,
  placeOf,
  type Rollout,
  shareAt,
  turnOf,
} from '../../../client/policy/rollout.ts';
import { refusal } from '../../support/refusal.ts';
import { seeded } from '../../support/seeded.ts';

const HOUR_MS = 3_600_000;
const START = '2026-03-01T06:00:00Z';
const T0 = Date.parse(START);
const DAY: Rollout = { start: START, hours: 24, from: 0, to: 100 };
const RELEASE = createHash('sha256').update('1.5.0').digest('hex');
const OTHER = createHash('sha256').update('1.6.0').digest('hex');

/** So many hosts, and others with another seed. */
function fleet(count: number, seed: number): string[] {
  const chance = seeded(seed);
  return Array.from({ length: count }, () => chance.bytes(16).toString('hex'));
}

const host = (id: string, ...groups: string[]) => ({ id, groups });
const takes = (rollout: Rollout, id: string, atMs: number): boolean =>
  turnOf(rollout, RELEASE, host(id), atMs).turn === 'now';

t.test('the place of a host is the same for ever and everywhere', (t) => {
  // printf '%s %s' HOST RELEASE | sha256sum, its first 12 digits by 2^48, times 100
  t.equal(placeOf('00'.repeat(16), '11'.repeat(32)).toFixed(6), '22.115316');
  t.end();
});

t.test('places are spread evenly', (t) => {
  const seed = 20260301;
  const hosts = fleet(20_000, seed);
  const cells: number[] = Array.from({ length: 100 }, () => 0);
  for (const id of hosts) {
    const cell = Math.floor(placeOf(id, RELEASE));
    cells[cell] = (cells[cell] ?? 0) + 1;
  }
  const expected = hosts.length / cells.length;
  const chi = cells.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
  // 99 degrees of freedom: 0.01 % of fair fleets are above 161, and as many below 53.
  t.ok(chi > 53 && chi < 161, `chi-squared is ${chi.toFixed(1)} with seed ${seed}`);
  t.end();
});

t.test('one release tells nothing about the next', (t) => {
  const seed = 7;
  const hosts = fleet(20_000, seed);
  const early = hosts.filter((id) => placeOf(id, RELEASE) < 10);
  const twice = early.filter((id) => placeOf(id, OTHER) < 10);
  // Of 2,000 early ones a tenth is early again: 200, give or take four times 13.4.
  t.ok(Math.abs(twice.length - early.length / 10) < 54, `${twice.length}, seed ${seed}`);
  t.end();
});

t.test('the share of hosts that are through is the one that was asked for', (t) => {
  const seed = 99;
  const hosts = fleet(10_000, seed);
  const slow: Rollout = { ...DAY, from: 5, to: 80 };
  for (const [hour, percent] of [
    [-1, 0],
    [0, 5],
    [6, 23.75],
    [12, 42.5],
    [24, 80],
    [1000, 80],
  ] as const) {
    const atMs = T0 + hour * HOUR_MS;
    t.equal(shareAt(slow, atMs), percent, `hour ${hour}`);
    const share = (hosts.filter((id) => takes(slow, id, atMs)).length / 10_000) * 100;
    // Four standard deviations of a share of 10,000 are 2 % at the most.
    t.ok(Math.abs(share - percent) <= 2, `${share} % at hour ${hour}, seed ${seed}`);
  }
  t.end();
});

t.test('no host that was let through is shut out again', (t) => {
  const rollout: Rollout = { ...DAY, from: 1, to: 90 };
  for (const id of fleet(300, 3)) {
    const turns = Array.from({ length: 120 }, (_, hour) =>
      takes(rollout, id, T0 + (hour - 24) * HOUR_MS),
    );
    t.same([...turns].sort(), turns, id);
  }
  t.end();
});

t.test(
  'a host that waits is told the moment, and it is right to the millisecond',
  (t) => {
    for (const id of fleet(50, 5)) {
      const turn = turnOf(DAY, RELEASE, host(id), T0 - 1);
      if (turn.turn !== 'later') throw new Error(`seed 5: ${id} does not wait`);
      const at = Math.ceil(turn.fromMs);
      t.notOk(takes(DAY, id, at - 1));
      t.ok(takes(DAY, id, at));
    }
    t.end();
  },
);

t.test('rollouts that are over, or take no time', (t) => {
  const ids = fleet(50, 11);
  const all = (rollout: Rollout, atMs: number) =>
    ids.every((id) => takes(rollout, id, atMs));
  const none = (rollout: Rollout, atMs: number) =>
    !ids.some((id) => takes(rollout, id, atMs));
  t.ok(all(DAY, T0 + 24 * HOUR_MS), 'at its end');
  t.ok(all(DAY, T0 + 24_000 * HOUR_MS), 'long after');
  const atOnce: Rollout = { ...DAY, hours: 0 };
  t.ok(none(atOnce, T0 - 1), 'of no hours, before');
  t.ok(all(atOnce, T0), 'of no hours, at its start');
  t.ok(none({ ...DAY, from: 0, to: 0 }, T0 + 99 * HOUR_MS), 'for nobody');
  t.ok(all({ ...DAY, from: 100 }, T0), 'for everybody at its start');
  t.end();
});

t.test('named groups go first, and nobody else goes', (t) => {
  const canaries: Rollout = { ...DAY, from: 100, groups: ['canary', 'lab'] };
  const [id = ''] = fleet(1, 1);
  t.same(turnOf(canaries, RELEASE, host(id, 'lab'), T0), { turn: 'now' });
  t.same(turnOf(canaries, RELEASE, host(id, 'edge', 'canary'), T0), { turn: 'now' });
  for (const groups of [[], ['edge']]) {
    const turn = turnOf(canaries, RELEASE, host(id, ...groups), T0 + 999 * HOUR_MS);
    t.same(turn, { turn: 'never', why: 'groups' });
  }
  t.same(turnOf({ ...DAY, groups: [] }, RELEASE, host(id), T0 + 999 * HOUR_MS), {
    turn: 'never',
    why: 'groups',
  });
  t.end();
});

t.test('what a host says when it does not take a release', (t) => {
  const id = '00'.repeat(16);
  const release = '11'.repeat(32);
  const check = (rollout: Rollout, atMs: number) => () =>
    checkTurn(rollout, release, host(id), atMs, 'a pointer');
  check(DAY, T0 + 24 * HOUR_MS)();
  const later = refusal(check(DAY, T0));
  t.match(later, {
    code: 'deferred',
    exitCode: 75,
    where: 'a pointer',
    message: /^rollout: the turn/,
    found: "this host's place is 22.12 %",
  });
  t.equal(later.expected, '2026-03-01T11:18:28Z or later');
  const share = refusal(check({ ...DAY, to: 20 }, T0 + 24 * HOUR_MS));
  t.match(share, {
    code: 'deferred',
    message: /^rollout: /,
    expected: 'a place below 20 %',
  });
  const groups = refusal(check({ ...DAY, groups: ['canary', 'lab'] }, T0));
  t.match(groups, { expected: 'one of the groups canary, lab', hint: /update\.toml/ });
  t.end();
});
