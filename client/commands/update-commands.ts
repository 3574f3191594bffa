import { formatBytes } from '../terminal/text.ts';
import { openSession } from '../session.ts';
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
import { checkHold } from '../policy/hold.ts';
import { reboot } from '../slots/reboot.ts';
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

const DRY_RUN = {
  flag: 'dry-run',
  describe: 'Say what would be done, and do nothing',
} as const;

const NOW = {
  flag: 'now',
  describe:
    'Do not wait for the turn of this host; a hold and a pause count all the same',
} as const;

export const check: Command = {
  name: 'check',
  describe: 'Ask the channel whether there is something newer, and change nothing',
  options: [...NETWORK_OPTIONS, EXIT_CODE_OPTION, NOW],
  examples: ['check', 'check --json', 'check --exit-code'],
  run: async (context, _args, flags) => {
    const outcome = await go(context, 'check', flags);
    return result(outcome, flags.is('exit-code'));
  },
};

export const download: Command = {
  name: 'download',
  describe: 'Fetch and verify what the channel has, and install nothing yet',
  options: [...NETWORK_OPTIONS, DRY_RUN, NOW],
  examples: ['download'],
  run: async (context, _args, flags) =>
    flags.is('dry-run')
      ? result(await go(context, 'check', flags), false)
      : fetched(await go(context, 'download', flags)),
};

export const apply: Command = {
  name: 'apply',
  describe: 'Fetch, verify and install what the channel has',
  options: [...NETWORK_OPTIONS, EXIT_CODE_OPTION, DRY_RUN, NOW, RETRY_REFUSED],
  examples: ['apply', 'apply --dry-run', 'apply --channel beta'],
  run: async (context, _args, flags) => {
    if (flags.is('dry-run'))
      return result(await go(context, 'check', flags), flags.is('exit-code'));
    const outcome = await go(context, 'apply', flags);
    return rebooting(context, outcome, result(outcome, flags.is('exit-code')));
  },
};

export const run: Command = {
  name: 'run',
  describe:
    'What cron calls: everything that the configuration allows, silent when all is well',
  options: [...NETWORK_OPTIONS, EXIT_CODE_OPTION, DRY_RUN, NOW],
  examples: ['run', 'run --quiet'],
  run: async (context, _args, flags) => {
    if (flags.is('dry-run'))
      return result(await go(context, 'check', flags), flags.is('exit-code'));
    const { autoApply } = await context.config();
    const outcome = await go(context, autoApply ? 'apply' : 'download', flags);
    const { offer, installed, downloadedBytes, rebootPending } = outcome;
    const nothing = offer.status === 'up-to-date';
    // The second and later runs that find the same release waiting have nothing new to tell.
    const waiting = !nothing && installed === null && downloadedBytes === 0;
    const spoken = result(outcome, flags.is('exit-code'));
    if (rebootPending) return rebooting(context, outcome, spoken);
    if (nothing || waiting) return { ...spoken, text: '' };
    return installed === null ? { ...spoken, ...fetched(outcome) } : spoken;
  },
};

/** With auto_reboot, and not while the host is held, the machine is started anew. */
async function rebooting(
  context: Context,
  { rebootPending }: Outcome,
  spoken: CommandResult,
): Promise<CommandResult> {
  const config = await context.config();
  if (!rebootPending || !config.autoReboot) return spoken;
  const { hold } = await readState(context.fx.files, config.stateDir);
  checkHold(hold ?? undefined, context.fx.clock.now());
  await reboot(context.fx, config.root);
  return { ...spoken, text: `${spoken.text ?? ''}\nrestarting now`.trim() };
}

/** After `download`, and after a `run` that may not install. */
function fetched(outcome: Outcome): CommandResult {
  const { offer, downloadedBytes } = outcome;
  const { value, text } = result(outcome, false);
  if (offer.status !== 'available') return { value, text };
  return {
    value: { ...value, status: 'downloaded' },
    text: `${offer.manifest.product} ${offer.version} is fetched and verified (${formatBytes(downloadedBytes)} now); "qx-update apply" installs it`,
  };
}

async function go(context: Context, depth: Depth, flags: Flags): Promise<Outcome> {
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

function result(
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
