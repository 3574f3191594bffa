import type { Hold, Refusal } from '../format/client-state.ts';
import { describeExpiry } from '../expiry.ts';
import { layoutOf } from '../install/layout.ts';
import { readCurrent, releaseOf } from '../install/generations.ts';
import type { Activity } from '../state/activity.ts';
import { QxError } from '../format/error.ts';
import { slotLines } from '../slots/describe.ts';
import { isTrouble, readStatus } from '../status.ts';
import { errorRecord } from '../terminal/output.ts';
import { formatBytes, formatTable } from '../terminal/text.ts';
import type { Command, CommandResult, Context } from './command.ts';
import { STYLE, styledStatus, styleOf } from './styled.ts';

export const current: Command = {
  name: 'current',
  describe: 'What is installed on this host, read from the links themselves',
  examples: ['current', 'current --json'],
  next: ['verify', 'status'],
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
  options: [STYLE],
  examples: ['status', 'status --json', 'status --style vdc'],
  next: ['doctor', 'history'],
  run: async (context, _args, flags) => {
    const style = styleOf(flags);
    return style === undefined ? statusOf(context) : styledStatus(context, style);
  },
};

async function statusOf(context: Context): Promise<CommandResult> {
  const config = await context.config();
  const host = await readStatus(context.fx, config);
  const { generation, state, activity, lastCheck, slots } = host;
  const expiry = await describeExpiry(context.fx, config, state);
  const refusal = state.last_refusal ?? null;
  const version = releaseOf(generation)?.version ?? null;
  const available =
    lastCheck?.result === 'available' ? (lastCheck.version ?? null) : null;
  const standing = host.rebootPending
    ? 'reboot-required'
    : available !== null
      ? 'available'
      : 'idle';
  const value = {
    status: activity?.phase ?? (isTrouble(refusal) ? 'error' : standing),
    product: config.product,
    channel: config.channel,
    version,
    availableVersion: available,
    activity,
    lastCheck: lastCheck?.time ?? null,
    lastRefusal: refusal,
    hold: state.hold ?? null,
    ...expiry,
    slots: slots instanceof QxError ? { error: errorRecord(slots) } : slots,
  };
  const lines = [
    `${config.product} ${version ?? '(nothing installed)'}, channel ${config.channel}`,
    `last check: ${lastCheck?.time ?? 'never'}${lastCheck === null ? '' : ` (${lastCheck.result})`}`,
  ];
  if (slots !== null) lines.push(...slotLines(slots));
  if (available !== null) lines.push(availableLine(available, config.autoApply));
  if (state.hold) lines.push(holdLine(state.hold));
  if (activity !== null) lines.push(activityLine(activity));
  lines.push(...expiry.warnings.map(({ message }) => `warning: ${message}`));
  if (refusal !== null) lines.push(...refusalLines(refusal));
  return { value, text: lines.join('\n') };
}

function availableLine(version: string, autoApply: boolean): string {
  const how = autoApply ? '' : '; auto_apply is off here: "qx-update apply" installs it';
  return `available: ${version}${how}`;
}

function holdLine({ since, until, reason }: Hold): string {
  const end = until === undefined ? 'until "qx-update unhold"' : `until ${until}`;
  return `held since ${since} ${end}${reason === undefined ? '' : `: ${reason}`}`;
}

function activityLine(activity: Activity): string {
  const { phase, component, percent, downloadedBytes, totalBytes } = activity;
  const what = component === undefined ? phase : `${phase} ${component}`;
  return `now: ${what}, ${percent} % (${formatBytes(downloadedBytes)} of ${formatBytes(totalBytes)})`;
}

function refusalLines(refusal: Refusal): string[] {
  const what = isTrouble(refusal) ? 'refused' : 'put off';
  const lines = [`${what} at ${refusal.time}: ${refusal.message}`];
  for (const field of ['where', 'expected', 'found', 'hint'] as const) {
    const value = refusal[field];
    if (value !== undefined) lines.push(`  ${field.padEnd(8)}  ${value}`);
  }
  return lines;
}
