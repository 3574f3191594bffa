import { formatBytes } from '../terminal/text.ts';
import { openSession, withLock } from '../session.ts';
import { type Depth, type Outcome, update } from '../update.ts';
import {
  type Command,
  type CommandResult,
  type Context,
  EXIT_CODE_OPTION,
  EXIT_REBOOT_PENDING,
  EXIT_UPDATE_AVAILABLE,
  NETWORK_OPTIONS,
} from './command.ts';
import type { Flags } from '../terminal/command-line.ts';
import { explained } from './explain.ts';
import { STYLE, styledCheck, styleOf } from './styled.ts';
import { checkHold } from '../policy/hold.ts';
import { checkWindows } from '../policy/window.ts';
import { beforeReboot } from '../hooks/system.ts';
import { reboot } from '../slots/reboot.ts';
import { asQxError } from '../terminal/output.ts';
import { noteRefusal } from '../traces.ts';
import { readState } from '../state/state-store.ts';
import {
  installedText,
  offerText,
  offerValue,
  servicesToRestart,
  writtenText,
} from './report.ts';

const RETRY_REFUSED = {
  flag: 'retry-refused',
  describe: 'Try a release again that was taken back on this host',
} as const;

export const DRY_RUN = {
  flag: 'dry-run',
  describe: 'Say what would be done, and do nothing',
} as const;

export const NOW = {
  flag: 'now',
  describe:
    'Do not wait for the turn of this host or a window; a hold and a pause count all the same',
} as const;

export const EXPLAIN = {
  flag: 'explain',
  describe: 'Say of every policy what it decides on this host, and do nothing',
} as const;

export const check: Command = {
  name: 'check',
  describe: 'Ask the channel whether there is something newer, and change nothing',
  options: [...NETWORK_OPTIONS, EXIT_CODE_OPTION, NOW, EXPLAIN, STYLE],
  examples: [
    'check',
    'check --json',
    'check --exit-code',
    'check --explain',
    'check --style host-ui',
  ],
  next: ['download', 'apply', 'channel'],
  run: async (context, _args, flags) => {
    const style = styleOf(flags);
    if (flags.is('explain')) return explained(context, flags);
    const look = async (): Promise<CommandResult> =>
      result(await go(context, 'check', flags), flags.is('exit-code'));
    return style === undefined ? look() : styledCheck(context, style, look);
  },
};

export const download: Command = {
  name: 'download',
  describe: 'Fetch and verify what the channel has, and install nothing yet',
  options: [...NETWORK_OPTIONS, DRY_RUN, NOW],
  examples: ['download'],
  next: ['apply', 'status'],
  run: async (context, _args, flags) =>
    flags.is('dry-run')
      ? result(await go(context, 'check', flags), false)
      : fetched(await go(context, 'download', flags)),
};

export const apply: Command = {
  name: 'apply',
  describe: 'Fetch, verify and install what the channel has',
  options: [...NETWORK_OPTIONS, EXIT_CODE_OPTION, DRY_RUN, NOW, RETRY_REFUSED, EXPLAIN],
  examples: ['apply', 'apply --dry-run', 'apply --channel beta'],
  next: ['status', 'history', 'rollback'],
  run: async (context, _args, flags) => {
    if (flags.is('explain')) return explained(context, flags);
    if (flags.is('dry-run'))
      return result(await go(context, 'check', flags), flags.is('exit-code'));
    const outcome = await go(context, 'apply', flags);
    return rebooting(context, outcome, flags);
  },
};

/** With auto_reboot, within the windows, and not while the host is held, the machine is started anew. */
export async function rebooting(
  context: Context,
  outcome: Outcome,
  flags: Flags,
): Promise<CommandResult> {
  const { rebootPending, deadline } = outcome;
  const spoken = result(outcome, flags.is('exit-code'));
  const config = await context.config();
  if (!rebootPending || !config.autoReboot) return spoken;
  const { hold } = await readState(context.fx.files, config.stateDir);
  const nowMs = context.fx.clock.now();
  checkHold(hold ?? undefined, nowMs);
  if (!flags.is('now')) checkWindows(config.windows, deadline, nowMs);
  await restartMachine(context);
  return { ...spoken, text: `${spoken.text ?? ''}\nrestarting now`.trim() };
}

/** As soon as the hooks of this host agree; one that says not now leaves the system waiting. */
async function restartMachine(context: Context): Promise<void> {
  const { fx, out, signal } = context;
  const session = await openSession(fx, await context.config(), out, signal);
  await withLock(session, async () => {
    try {
      await beforeReboot(session);
    } catch (error) {
      await noteRefusal(session, asQxError(error));
      throw error;
    }
  });
  await reboot(fx, session.config.root);
}

/** After `download`, and after a `run` that may not install. */
export function fetched(outcome: Outcome): CommandResult {
  const { offer, downloadedBytes } = outcome;
  const { value, text } = result(outcome, false);
  if (offer.status !== 'available') return { value, text };
  return {
    value: { ...value, status: 'downloaded' },
    text: `${offer.manifest.product} ${offer.version} is fetched and verified (${formatBytes(downloadedBytes)} now); "qx-update apply" installs it`,
  };
}

export async function go(context: Context, depth: Depth, flags: Flags): Promise<Outcome> {
  const config = await context.config();
  const session = await openSession(context.fx, config, context.out, context.signal);
  const outcome = await update(session, {
    depth,
    retryRefused: flags.is('retry-refused'),
    now: flags.is('now'),
  });
  const { offer, installed } = outcome;
  if (installed === null || offer.status !== 'available' || outcome.rebootPending)
    return outcome;
  const services = session.services.kind === 'none' ? servicesToRestart(offer) : [];
  for (const service of services) {
    context.out.warn(
      `service ${service} still runs what it ran before: service_manager is "none"`,
    );
  }
  return outcome;
}

export function result(
  { offer, installed, downloadedBytes, health, rebootPending }: Outcome,
  exitCode: boolean,
): CommandResult {
  const value = { ...offerValue(offer), downloadedBytes };
  if (rebootPending) {
    const written = offer.status === 'available';
    return {
      value: { ...value, status: 'reboot-pending' },
      text: written ? writtenText(offer, downloadedBytes) : offerText(offer),
      ...(exitCode ? { exitCode: EXIT_REBOOT_PENDING } : {}),
    };
  }
  if (installed !== null && offer.status === 'available') {
    return {
      value: {
        ...value,
        status: 'installed',
        generation: installed.generation,
        health,
      },
      text: installedText(offer, installed, downloadedBytes),
    };
  }
  const available = offer.status === 'available';
  return {
    value,
    text: offerText(offer),
    ...(available && exitCode ? { exitCode: EXIT_UPDATE_AVAILABLE } : {}),
  };
}
