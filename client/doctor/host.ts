import type { Config } from '../config/config.ts';
import { ignoredVariables } from '../config/load.ts';
import type { Effects } from '../effects/effects.ts';
import { describeExpiry } from '../expiry.ts';
import { fingerprintText } from '../format/fingerprint.ts';
import { EXIT_CODES, QxError } from '../format/error.ts';
import { formatTime } from '../format/time.ts';
import type { Session } from '../session.ts';
import { slotLines } from '../slots/describe.ts';
import { readLastRun } from '../state/last-run.ts';
import { checkVersionNotRefused } from '../state/refused.ts';
import { sha256Hex } from '../reader/signatures.ts';
import { openedBy } from '../serve/doors.ts';
import { readTrust } from '../state/trust-store.ts';
import { type HostStatus, isTrouble, readStatus } from '../status.ts';
import { formatBytes, formatDuration } from '../terminal/text.ts';
import { BUILD_TIME_MS } from '../version.ts';
import { examine, type Finding, ok, warn } from './finding.ts';

export function configurationFindings(
  config: Config,
  env: Record<string, string | undefined>,
): Finding[] {
  const { file, product, channel } = config;
  const findings = [
    ok('config', `${file ?? 'environment and flags'}: ${product}, channel ${channel}`),
  ];
  if (!config.autoApply)
    findings.push(ok('config', 'auto_apply is off: "run" fetches, "apply" installs'));
  const doors = openedBy(config).map((line) =>
    warn('serve', line, 'close in [serve] what nobody uses'),
  );
  const ignored = ignoredVariables(env).map((line) =>
    warn('config', line, 'unset it, or write its key into update.toml'),
  );
  return [...findings, ...ignored, ...doors];
}

/** What can be found out without the network. */
export async function hostFindings(session: Session): Promise<Finding[]> {
  const { fx, config } = session;
  let read: Promise<HostStatus> | undefined;
  const status = (): Promise<HostStatus> => (read ??= readStatus(fx, config));
  return [
    await examine('trust', async () => trust(session, await status())),
    await examine('state', async () => state(config, await status())),
    await examine('hold', async () => hold(await status())),
    await examine('cron', () => cron(fx, config)),
    await examine('clock', () => Promise.resolve(clock(fx.clock.now()))),
    await examine('disk', () => disk(fx, config)),
    await examine('slots', async () => slots(await status())),
    await examine('services', () => services(session)),
  ].flat();
}

async function trust({ fx, config }: Session, { state }: HostStatus): Promise<Finding[]> {
  const { files } = fx;
  const trust = await readTrust(files, config.stateDir, config.trustRoot);
  const trusted = trust.trusted.root;
  const { warnings } = await describeExpiry(fx, config, state);
  const known = `root ${trusted.version} of ${trusted.repository}, good until ${trusted.expires}`;
  return [
    ok('trust', `${known}; pinned: ${fingerprintText(sha256Hex(trust.pinned.bytes))}`),
    ...warnings.map(({ message, what }) =>
      warn('trust', message, `ask the publisher; the ${what} cannot be renewed here`),
    ),
  ];
}

/** A release that was taken back waits for a person; what only waits for its time is no failure. */
function state(config: Config, { state, generation, lastCheck }: HostStatus): Finding {
  const refusal = state.last_refusal ?? null;
  if (refusal !== null && isTrouble(refusal)) {
    return {
      part: 'state',
      level: 'fail',
      message: `refused at ${refusal.time}: ${refusal.message}`,
      where: refusal.where,
      hint: refusal.hint ?? '"qx-update run --now" tries again',
      exitCode: refusal.exitCode,
    };
  }
  checkVersionNotRefused(state, config, lastCheck?.version);
  if (refusal !== null)
    return warn(
      'state',
      `put off at ${refusal.time}: ${refusal.message}`,
      refusal.hint ?? '"qx-update run --explain" shows all that it waits for',
    );
  const installed = generation === null ? 'nothing installed yet' : 'readable';
  return ok('state', `${installed}, nothing refused`);
}

function hold({ state }: HostStatus): Finding {
  if (state.hold === null || state.hold === undefined)
    return ok('hold', 'none: updates may be installed');
  const { since, reason } = state.hold;
  const why = reason === undefined ? '' : `: ${reason}`;
  return warn('hold', `held since ${since}${why}`, '"qx-update unhold" ends it');
}

/** Whatever starts the runs, one that works leaves its time. */
async function cron(fx: Effects, config: Config): Promise<Finding> {
  const hint =
    '"rc-status" and "crontab -l" (or "systemctl list-timers") show what calls "qx-update run"';
  const last = await readLastRun(fx, config.stateDir);
  if (last === null) return warn('cron', '"qx-update run" has never asked here', hint);
  const age = fx.clock.now() - last;
  const told = `"qx-update run" asked ${formatDuration(Math.max(age, 0))} ago`;
  const due = 2 * (config.checkIntervalMs + config.splayMs) + 3_600_000;
  return age > due ? warn('cron', told, hint) : ok('cron', told);
}

function clock(nowMs: number): Finding {
  if (nowMs >= BUILD_TIME_MS) return ok('clock', formatTime(nowMs));
  return warn(
    'clock',
    `${formatTime(nowMs)} is before this client was built`,
    'set the clock or let ntpd do it; until then the time of the build counts',
  );
}

const LITTLE_BYTES = 256e6;
/** Not even what a run says of itself can be written down. */
const FULL_BYTES = 1e6;

async function disk({ files }: Effects, config: Config): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const folder of new Set([config.componentsDir, config.stateDir])) {
    const free = await files.freeBytes(await nearest(files, folder));
    findings.push(room(free, `${formatBytes(free)} free for ${folder}`));
  }
  return findings;
}

/** Bytes that are left, as a finding. */
export function room(free: number, told: string): Finding {
  if (free >= LITTLE_BYTES) return ok('disk', told);
  const little = warn(
    'disk',
    told,
    '"qx-update gc" frees what nothing needs; "keep" says how much',
  );
  return free < FULL_BYTES
    ? { ...little, level: 'fail', exitCode: EXIT_CODES.disk }
    : little;
}

/** The folder itself, or the one above it that is there. */
async function nearest(files: Effects['files'], folder: string): Promise<string> {
  if (folder === '/' || (await files.info(folder)) !== null) return folder;
  return nearest(files, folder.slice(0, folder.lastIndexOf('/')) || '/');
}

function slots({ slots: report }: HostStatus): Finding[] {
  if (report === null) return [ok('slots', 'this host has none: components only')];
  if (report instanceof QxError) throw report;
  return slotLines(report).map((line) => ok('slots', line));
}

async function services({ services: manager, config }: Session): Promise<Finding[]> {
  if (manager.kind === 'none')
    return [ok('services', 'none are restarted here (service_manager = "none")')];
  const findings: Finding[] = [];
  for (const name of config.allowServices) {
    const { state: found } = await manager.status(name);
    findings.push(
      found === 'failed' || found === 'unknown'
        ? warn('services', `${name}: ${found}`, `look with "rc-service ${name} status"`)
        : ok('services', `${name}: ${found}`),
    );
  }
  return findings;
}
