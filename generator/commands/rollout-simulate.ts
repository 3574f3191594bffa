import { QxError } from '../../client/format/error.ts';
import { formatTime } from '../../client/format/time.ts';
import type { Rollout } from '../../client/policy/rollout.ts';
import { parseDuration } from '../check/life.ts';
import type { Context } from '../context.ts';
import { type Standing, standingPointer } from '../release/roll-out.ts';
import { drawSimulation } from '../rollout/picture.ts';
import { type Fleet, simulate } from '../rollout/simulate.ts';
import { parseWindow } from '../rollout/windows.ts';
import { describeRollout, resumed } from '../rollout/steps.ts';
import { currentRoot } from '../tree/roots.ts';
import { type CommandResult, type Flags, type OptionSpec, readingIn } from './command.ts';
import { decimal, plannedRollout } from './rollout-plan.ts';

export const SIMULATE_OPTIONS: readonly OptionSpec[] = [
  { flag: 'hosts N', describe: 'With simulate: so many hosts (10000)' },
  { flag: 'interval TIME', describe: 'Between two looks of a host (1h)' },
  { flag: 'offline PERCENT', describe: 'Looks at which a host is off (0)' },
  {
    flag: 'stop-after PERCENT',
    describe: 'A bad release: paused at the end of the hour in which so many have it',
  },
  {
    flag: 'windows WHEN',
    describe:
      'When hosts let themselves be changed: "sat,sun 22:00-04:00 Europe/Berlin" (repeatable)',
  },
  { flag: 'seed WORD', describe: 'Another word is another fleet (1)' },
];

const HOSTS_MAX = 1_000_000;
const INTERVAL_MS_MIN = 60_000;

/** The rollout of the channel, or the one that the flags describe, over a fleet that is not there. Writes nothing. */
export async function simulateRollout(
  context: Context,
  flags: Flags,
  place: { product: string; channel: string },
): Promise<CommandResult> {
  const workspace = await readingIn(context, flags);
  const root = await currentRoot(workspace.tree, workspace.config.repository);
  const standing = await standingPointer(
    { workspace, root },
    place.product,
    place.channel,
  );
  const now = context.effects.clock.now();
  const rollout = simulatedRollout(flags, standing, now);
  const fleet = fleetOf(flags, standing.pointer.deadline);
  const stopAfter = decimal(flags, 'stop-after', 100) ?? null;
  const { version, manifests } = standing.pointer;
  const release = Object.values(manifests)[0]?.sha256 ?? '';
  const simulated = simulate(rollout, release, fleet, stopAfter);
  const title = `${place.product}/${place.channel} ${version}, ${describeRollout(rollout)}`;
  return {
    value: { ...place, version, rollout, fleet, ...simulated },
    text: `${title}\n\n${drawSimulation(simulated, fleet)}`,
  };
}

function simulatedRollout(
  flags: Flags,
  { pointer, path }: Standing,
  now: number,
): Rollout {
  if (flags.text('hours') !== undefined) return plannedRollout(flags, formatTime(now));
  const { rollout, paused } = pointer;
  if (rollout !== undefined) return paused === true ? resumed(rollout, now) : rollout;
  throw new QxError('usage', 'the channel has no rollout', {
    where: path,
    hint: 'say which one is to be drawn: --hours 24 --from 1',
  });
}

function fleetOf(flags: Flags, deadline: string | undefined): Fleet {
  const hosts = flags.whole('hosts', 10_000, 1);
  const intervalMs = parseDuration(flags.text('interval') ?? '1h', 'interval');
  if (hosts > HOSTS_MAX || intervalMs < INTERVAL_MS_MIN) {
    throw new QxError('usage', 'more than is drawn in reasonable time', {
      expected: `at most ${HOSTS_MAX} hosts, and a look a minute`,
    });
  }
  const offlinePercent = decimal(flags, 'offline', 100) ?? 0;
  const seed = flags.text('seed') ?? '1';
  const windows = flags.list('windows').map(parseWindow);
  return { hosts, seed, intervalMs, offlinePercent, windows, deadline };
}
