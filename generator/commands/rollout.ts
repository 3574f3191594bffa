import { QxError, printable } from '../../client/format/error.ts';
import {
  name as nameShape,
  version as versionShape,
} from '../../client/format/shapes.ts';
import { parseShape } from '../../client/format/document.ts';
import type { Context } from '../context.ts';
import { publishIndexes } from '../release/publish.ts';
import { type RolledOut, type Step, rollOut, startRollout } from '../release/roll-out.ts';
import { SIGN_OPTIONS, type Session, openSession } from '../release/session.ts';
import { describeRollout } from '../rollout/steps.ts';
import {
  type Command,
  type CommandResult,
  type Flags,
  type OptionSpec,
  WRITE_OPTIONS,
  writingIn,
} from './command.ts';
import { PLAN_OPTIONS, plannedRollout } from './rollout-plan.ts';
import { SIMULATE_OPTIONS, simulateRollout } from './rollout-simulate.ts';

const VERSION_OPTION = {
  flag: 'version VERSION',
  describe: 'With start: move the channel to this release in the same step',
} as const;

/** Options that mean something in some steps only. */
const OWN: Readonly<Record<Step | 'simulate', readonly OptionSpec[]>> = {
  start: [...PLAN_OPTIONS, VERSION_OPTION],
  pause: [],
  resume: [],
  finish: [],
  simulate: [...PLAN_OPTIONS, ...SIMULATE_OPTIONS],
};

export const rollout: Command = {
  name: 'rollout',
  args: '<product> <channel> <step>',
  values: { step: Object.keys(OWN) },
  describe:
    'Let hosts have a release step by step: start, pause, resume, finish; simulate draws it',
  options: [
    ...PLAN_OPTIONS,
    VERSION_OPTION,
    ...SIMULATE_OPTIONS,
    ...SIGN_OPTIONS,
    ...WRITE_OPTIONS,
  ],
  examples: [
    'rollout quantix-os stable start --version 1.5.0 --from 1 --hours 48',
    'rollout quantix-os stable pause',
    'rollout quantix-os stable simulate --hours 48 --from 1 --stop-after 5',
  ],
  next: ['verify', 'preflight', 'withdraw'],
  run: (context, [product = '', channel = '', word = ''], flags) => {
    parseShape(nameShape, product, 'product');
    parseShape(nameShape, channel, 'channel');
    const step = stepOf(word);
    refuseStray(flags, step);
    const place = { product, channel };
    return step === 'simulate'
      ? simulateRollout(context, flags, place)
      : change(context, flags, place, step);
  },
};

function stepOf(text: string): keyof typeof OWN {
  const steps = Object.keys(OWN) as (keyof typeof OWN)[];
  const step = steps.find((each) => each === text);
  if (step !== undefined) return step;
  throw new QxError('usage', 'a rollout has no such step', {
    expected: steps.join(', '),
    found: printable(text),
  });
}

/** An option that would be passed over in silence. */
function refuseStray(flags: Flags, step: keyof typeof OWN): void {
  const names = (of: readonly OptionSpec[]): string[] =>
    of.map(({ flag }) => flag.split(' ')[0] ?? '');
  const own = names(OWN[step]);
  const all = names(Object.values(OWN).flat());
  const stray = all.find((name) => flags.list(name).length > 0 && !own.includes(name));
  if (stray === undefined) return;
  throw new QxError('usage', `--${stray} means nothing to "${step}"`, {
    expected:
      own.length === 0 ? 'no such option' : own.map((each) => `--${each}`).join(', '),
  });
}

function change(
  context: Context,
  flags: Flags,
  place: { product: string; channel: string },
  step: Step,
): Promise<CommandResult> {
  return writingIn(context, flags, 'rollout', async (workspace) => {
    const session = await openSession(context, flags, workspace);
    if (step !== 'start') return told(session, await rollOut(session, place, step));
    const version = flags.text('version');
    if (version !== undefined) parseShape(versionShape, version, 'version');
    const plan = plannedRollout(flags, session.issued);
    return told(session, await startRollout(session, { ...place, version }, plan));
  });
}

/** Finishes the indexes and says what hosts do now. */
async function told(session: Session, result: RolledOut): Promise<CommandResult> {
  const { dryRun, tree } = session.workspace;
  await publishIndexes(session);
  return {
    value: { ...result, dryRun, changes: tree.changes },
    text: `${dryRun ? 'would be: ' : ''}${describe(result)}`,
  };
}

function describe(result: RolledOut): string {
  const { product, channel, version, previousVersion, rollout: plan, paused } = result;
  const { state, path, signatures } = result;
  const moved =
    previousVersion === null || previousVersion === version
      ? ''
      : `${previousVersion} → `;
  const name = `${product}/${channel} ${moved}${version}`;
  const what =
    plan === null
      ? 'every host may have it'
      : paused
        ? `paused at ${plan.from} % of hosts: no host takes it`
        : describeRollout(plan);
  if (state === 'unchanged') return `${name}: as it was: ${what}`;
  if (state === 'published') return `${name}: ${what}`;
  return `${name}: ${what}, once it is signed (${signatures}): ${path}`;
}
