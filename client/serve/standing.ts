import type { Config } from '../config/config.ts';
import type { Effects } from '../effects/effects.ts';
import { releaseOf } from '../install/generations.ts';
import { runningVersion } from '../slots/system.ts';
import type { Activity } from '../state/activity.ts';
import { type HostStatus, readStatus, seemsRunning } from '../status.ts';

/** The states that both of the older callers know, by the words of the host's own UI. */
export type Phase =
  | 'idle'
  | 'checking'
  | 'up_to_date'
  | 'available'
  | 'downloading'
  | 'applying'
  | 'complete'
  | 'error'
  | 'reboot_required';

/** All that is told of this host without asking anybody. */
export interface Standing {
  host: HostStatus;
  /** The release that is installed, or what the running image says it is. */
  version: string;
  phase: Phase;
  message: string | undefined;
  activity: Activity | null;
}

const UNKNOWN_VERSION = 'unknown';

export async function readStanding(fx: Effects, config: Config): Promise<Standing> {
  const host = await readStatus(fx, config, seemsRunning);
  const running = config.profile.slots
    ? await runningVersion(fx.files, config)
    : undefined;
  const known = releaseOf(host.generation)?.version ?? config.facts[config.product];
  const version = known ?? running ?? UNKNOWN_VERSION;
  return { host, version, activity: host.activity, ...phaseOf(host) };
}

const ACTIVE: Readonly<Record<Activity['phase'], Phase>> = {
  checking: 'checking',
  downloading: 'downloading',
  installing: 'applying',
};

/** What is under way counts first, then what waits for a person, then how the last run ended. */
export function phaseOf(host: HostStatus): Pick<Standing, 'phase' | 'message'> {
  const { activity, lastCheck, state, rebootPending } = host;
  const version = lastCheck?.version ?? '';
  if (activity !== null) {
    const installs = activity.phase === 'installing';
    const message = installs ? `installing ${activity.version ?? ''}`.trim() : undefined;
    return { phase: ACTIVE[activity.phase], message };
  }
  if (rebootPending)
    return {
      phase: 'reboot_required',
      message: 'restart this machine to complete the update',
    };
  const refusal = state.last_refusal ?? null;
  if (refusal !== null) {
    // "Not now" is no error: the next run looks again.
    if (refusal.code === 'deferred')
      return { phase: 'idle', message: `not now: ${refusal.message}` };
    return { phase: 'error', message: sentence(refusal) };
  }
  if (lastCheck?.result === 'available')
    return { phase: 'available', message: `version ${version} is available` };
  if (lastCheck?.installed === true)
    return { phase: 'complete', message: `updated to version ${version}` };
  return {
    phase: lastCheck?.result === 'up-to-date' ? 'up_to_date' : 'idle',
    message: undefined,
  };
}

/** What was refused, in one line. */
export function sentence(error: {
  message: string;
  where?: string | undefined;
  expected?: string | undefined;
  found?: string | undefined;
  hint?: string | undefined;
}): string {
  const { message, where, expected, found, hint } = error;
  const values = [
    ...(expected === undefined ? [] : [`expected ${expected}`]),
    ...(found === undefined ? [] : [`found ${found}`]),
  ].join(', ');
  const parts = [message, values, hint ?? ''].filter((part) => part !== '');
  return `${parts.join('; ')}${where === undefined ? '' : ` (${where})`}`;
}
