import { pause } from '../effects/pause.ts';
import { QxError } from '../format/error.ts';
import { formatTime } from '../format/time.ts';
import { dueAt, offsetOf } from '../policy/schedule.ts';
import { hostId } from '../state/host-id.ts';
import { readLastRun, writeLastRun } from '../state/last-run.ts';
import { asQxError } from '../terminal/output.ts';
import { formatDuration } from '../terminal/text.ts';
import type { Flags } from '../terminal/command-line.ts';
import {
  type Command,
  type CommandResult,
  type Context,
  EXIT_CODE_OPTION,
  NETWORK_OPTIONS,
} from './command.ts';
import { explained } from './explain.ts';
import {
  DRY_RUN,
  EXPLAIN,
  fetched,
  go,
  NOW,
  rebooting,
  result,
} from './update-commands.ts';
import { writing } from './writing.ts';

export const run: Command = {
  name: 'run',
  describe:
    'What cron calls: everything that the configuration allows, silent when all is well',
  options: [...NETWORK_OPTIONS, EXIT_CODE_OPTION, DRY_RUN, NOW, EXPLAIN],
  examples: ['run', 'run --quiet', 'run --now'],
  next: ['status', 'history', 'doctor'],
  run: async (context, _args, flags) => {
    if (flags.is('explain')) return explained(context, flags);
    if (flags.is('dry-run'))
      return result(await go(context, 'check', flags), flags.is('exit-code'));
    const moment = flags.is('now') ? context.fx.clock.now() : await momentOf(context);
    if (moment === null) return notDue(context);
    return telling(context, () => ask(context, moment, flags));
  },
};

/** Whoever [notify] names hears how it ended. */
async function telling(
  context: Context,
  work: () => Promise<CommandResult>,
): Promise<CommandResult> {
  const config = await context.config();
  const tell = async (error: QxError | null): Promise<void> => {
    if (Object.keys(config.notify).length === 0) return;
    const { notify } = await import('../notify.ts');
    await notify(context.fx, config, error);
  };
  try {
    const ended = await work();
    await tell(null);
    return ended;
  } catch (error) {
    await tell(asQxError(error));
    throw error;
  }
}

/** Waits for the moment at which this host asks; null when that is none of this call's. */
async function momentOf(context: Context): Promise<number | null> {
  const { fx, out, signal } = context;
  const config = await context.config();
  const now = fx.clock.now();
  if (config.checkIntervalMs === 0) return now;
  const last = await readLastRun(fx, config.stateDir);
  const due = dueAt(config, await ownOffset(context), last, now);
  if (!due.due) {
    out.aside(`asks again at ${formatTime(due.nextMs)}; "run --now" asks at once`);
    return null;
  }
  if (due.waitMs === 0) return now;
  out.aside(`asks in ${formatDuration(due.waitMs)} (splay); "run --now" asks at once`);
  await pause(fx.clock, due.waitMs, signal);
  // Somebody's "run --now" came in between.
  return (await readLastRun(fx, config.stateDir)) === last ? now + due.waitMs : null;
}

/** Where a host that cannot keep an id lies among the others is all the same. */
async function ownOffset(context: Context): Promise<number> {
  const config = await context.config();
  return offsetOf(await hostId(context.fx, config).catch(() => ''), config);
}

/** What a run that was killed has left is not left lying until the next one asks. */
async function notDue(context: Context): Promise<CommandResult> {
  await writing(context, () => Promise.resolve());
  return { value: { status: 'not-due' }, text: '' };
}

async function ask(
  context: Context,
  moment: number,
  flags: Flags,
): Promise<CommandResult> {
  const { stateDir } = await context.config();
  // Without the record the next call asks again, which does no harm.
  const note = (): Promise<void> =>
    writeLastRun(context.fx, stateDir, moment).catch(() => undefined);
  try {
    const told = await carryOut(context, flags);
    await note();
    return told;
  } catch (error) {
    if (!isUnanswered(error, context.signal)) await note();
    throw error;
  }
}

/** The next call of cron tries again, not the next of the interval. */
function isUnanswered(error: unknown, signal: AbortSignal): boolean {
  return (
    signal.aborted ||
    (error instanceof QxError && (error.code === 'network' || error.code === 'locked'))
  );
}

async function carryOut(context: Context, flags: Flags): Promise<CommandResult> {
  const { autoApply } = await context.config();
  const outcome = await go(context, autoApply ? 'apply' : 'download', flags);
  const { offer, installed, downloadedBytes, rebootPending } = outcome;
  const nothing = offer.status === 'up-to-date';
  // The second and later runs that find the same release waiting have nothing new to tell.
  const waiting = !nothing && installed === null && downloadedBytes === 0;
  const spoken = result(outcome, flags.is('exit-code'));
  if (rebootPending) return rebooting(context, outcome, flags);
  if (nothing || waiting) return { ...spoken, text: '' };
  return installed === null ? { ...spoken, ...fetched(outcome) } : spoken;
}
