import type { Hold, Refusal } from '../format/client-state.ts';
import { layoutOf } from '../install/layout.ts';
import { readCurrent, releaseOf } from '../install/generations.ts';
import { readActivity } from '../state/activity.ts';
import { readHistory, type HistoryEntry } from '../state/history.ts';
import { readLastCheck } from '../state/last-check.ts';
import { readState } from '../state/state-store.ts';
import { QxError } from '../format/error.ts';
import { describeSlots, slotLines } from '../slots/describe.ts';
import { errorRecord } from '../terminal/output.ts';
import { formatBytes, formatTable } from '../terminal/text.ts';
import type { Command, CommandResult, Context } from './command.ts';

export const current: Command = {
  name: 'current',
  describe: 'What is installed on this host, read from the links themselves',
  examples: ['current', 'current --json'],
  run: async (context) => {
    const config = await context.config();
    const generation = await readCurrent(
      context.fx.files,
      layoutOf(config.componentsDir),
    );
    const release = releaseOf(generation);
    const components = (generation?.entries ?? []).map((entry) => ({
      name: entry.name,
      version: entry.version ?? null,
      installPath: entry.install_path,
      content: entry.content ?? null,
    }));
    const rows = components.map(({ name, version, installPath }) => [
      name,
      version ?? 'as it came',
      installPath,
    ]);
    return {
      value: {
        product: config.product,
        version: release?.version ?? null,
        channel: release?.channel ?? null,
        release: release?.release ?? null,
        generation: generation?.generation ?? null,
        installed: generation?.installed ?? null,
        components,
      },
      text:
        generation === null
          ? `${config.product}: nothing installed by qx-update yet`
          : [
              `${config.product} ${release?.version ?? '(as the appliance came)'}`,
              formatTable([['component', 'version', 'installed at'], ...rows]),
            ].join('\n'),
    };
  },
};

export const status: Command = {
  name: 'status',
  describe:
    'What this host runs, what it is doing, and what it last refused; asks no network',
  examples: ['status', 'status --json'],
  run: async (context) => statusOf(context),
};

async function statusOf(context: Context): Promise<CommandResult> {
  const { fx } = context;
  const config = await context.config();
  const generation = await readCurrent(fx.files, layoutOf(config.componentsDir));
  const state = await readState(fx.files, config.stateDir);
  const activity = (await isRunning(context))
    ? await readActivity(fx, config.stateDir)
    : null;
  const lastCheck = await readLastCheck(fx, config.stateDir);
  const refusal = state.last_refusal ?? null;
  const version = releaseOf(generation)?.version ?? null;
  const available =
    lastCheck?.result === 'available' ? (lastCheck.version ?? null) : null;
  const slots = await describeSlots(fx.files, config, state);
  const rebootPending = slots !== null && 'rebootPending' in slots && slots.rebootPending;
  const standing = rebootPending
    ? 'reboot-required'
    : available !== null
      ? 'available'
      : 'idle';
  const value = {
    status: activity?.phase ?? (refusal !== null ? 'error' : standing),
    product: config.product,
    channel: config.channel,
    version,
    availableVersion: available,
    activity,
    lastCheck: lastCheck?.time ?? null,
    lastRefusal: refusal,
    hold: state.hold ?? null,
    slots: slots instanceof QxError ? { error: errorRecord(slots) } : slots,
  };
  const lines = [
    `${config.product} ${version ?? '(nothing installed)'}, channel ${config.channel}`,
    `last check: ${lastCheck?.time ?? 'never'}${lastCheck === null ? '' : ` (${lastCheck.result})`}`,
  ];
  if (slots !== null) lines.push(...slotLines(slots));
  if (available !== null) lines.push(`available: ${available}`);
  if (state.hold) lines.push(holdLine(state.hold));
  if (activity !== null) lines.push(activityLine(activity));
  if (refusal !== null) lines.push(...refusalLines(refusal));
  return { value, text: lines.join('\n') };
}

function holdLine({ since, until, reason }: Hold): string {
  const end = until === undefined ? 'until "qx-update unhold"' : `until ${until}`;
  return `held since ${since} ${end}${reason === undefined ? '' : `: ${reason}`}`;
}

function activityLine(
  activity: NonNullable<Awaited<ReturnType<typeof readActivity>>>,
): string {
  const { phase, component, percent, downloadedBytes, totalBytes } = activity;
  const what = component === undefined ? phase : `${phase} ${component}`;
  return `now: ${what}, ${percent} % (${formatBytes(downloadedBytes)} of ${formatBytes(totalBytes)})`;
}

function refusalLines(refusal: Refusal): string[] {
  const lines = [`refused at ${refusal.time}: ${refusal.message}`];
  for (const field of ['where', 'expected', 'found', 'hint'] as const) {
    const value = refusal[field];
    if (value !== undefined) lines.push(`  ${field.padEnd(8)}  ${value}`);
  }
  return lines;
}

/** Without the right to try the lock, a record that is younger than this counts. */
const FRESH_MS = 10_000;

/** The lock tells, not the record: a run that was killed leaves a record and no lock. */
async function isRunning(context: Context): Promise<boolean> {
  const { fx } = context;
  const { stateDir } = await context.config();
  try {
    if ((await fx.files.info(`${stateDir}/lock`)) === null) return false;
    const lock = await fx.files.lock(`${stateDir}/lock`);
    await lock?.release();
    return lock === null;
  } catch {
    const updated = Date.parse((await readActivity(fx, stateDir))?.updated ?? '');
    return fx.clock.now() - updated < FRESH_MS;
  }
}

export const history: Command = {
  name: 'history',
  describe: 'What was installed and what was refused, newest first',
  options: [{ flag: 'limit N', describe: 'At most so many entries (20)' }],
  examples: ['history', 'history --limit 100 --json'],
  run: async (context, _args, flags) => {
    const config = await context.config();
    const limit = flags.whole('limit', 20, 1);
    const all = await readHistory(context.fx.files, config.stateDir);
    const entries = all.slice(-limit).reverse();
    const rows = entries.map((entry) => [
      entry.time,
      entry.event,
      entry.version ?? '',
      describeEntry(entry),
    ]);
    return {
      value: { entries },
      text:
        entries.length === 0
          ? 'nothing has happened yet'
          : formatTable([['time', 'event', 'version', 'what'], ...rows]),
    };
  },
};

function describeEntry(entry: HistoryEntry): string {
  if (entry.event === 'returned')
    return `from ${entry.fromVersion ?? ''}: ${entry.message ?? ''}`;
  if (entry.event === 'written') return entry.message ?? '';
  if (entry.event === 'refused')
    return `${entry.message ?? ''} (${entry.exitCode ?? ''})`;
  const names = (entry.components ?? []).map(({ name, version }) => `${name} ${version}`);
  const from = entry.fromVersion === undefined ? '' : `from ${entry.fromVersion}: `;
  return `${from}${names.join(', ')}`;
}
