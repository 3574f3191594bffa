import type { Effects, Lock } from './effects/effects.ts';
import type { Config } from './config/config.ts';
import { readCredentials } from './config/credentials.ts';
import { refuseForeignHands } from './config/foreign-hands.ts';
import { QxError } from './format/error.ts';
import { type Layout, layoutOf } from './install/layout.ts';
import { type Mirrors, openMirrors } from './reader/mirrors.ts';
import { openSource } from './reader/open-source.ts';
import { paceOf } from './reader/pace.ts';
import type { Source, SourceSettings } from './reader/source.ts';
import { type ActivityWriter, activityWriter } from './state/activity.ts';
import { type Log, openLog } from './state/log.ts';
import { openServiceManager, type ServiceManager } from './services/service-manager.ts';
import { asQxError, errorRecord, type Output } from './terminal/output.ts';
import { VERSION } from './version.ts';

/** What one run of a command works with. */
export interface Session {
  fx: Effects;
  config: Config;
  out: Output;
  log: Log;
  activity: ActivityWriter;
  layout: Layout;
  services: ServiceManager;
  /** Aborted by SIGTERM and SIGINT, with a QxError `deferred` as its reason. */
  signal: AbortSignal;
  /** Where the tree lies, by the configuration. */
  mirrors: Mirrors;
  /** Another place where objects lie, named by a pointer: no credentials of this host go there. */
  openForeign(base: string): Source;
}

export async function openSession(
  fx: Effects,
  config: Config,
  out: Output,
  signal: AbortSignal,
): Promise<Session> {
  const log = openLog(fx, config);
  const settings = await sourceSettings(fx, config);
  const sources = config.mirrors.map((base) => openSource(fx, base, settings));
  const onTrouble = (base: string, error: QxError, quietly: boolean): void => {
    void log('mirror-refused', `${base}: ${JSON.stringify(errorRecord(error))}`);
    if (!quietly) out.warn(`${base}: ${error.message}`);
  };
  const { connectTimeoutMs, stallTimeoutMs, retries, userAgent, pace } = settings;
  return {
    fx,
    config,
    out,
    log,
    signal,
    activity: activityWriter(fx, config.stateDir),
    layout: layoutOf(config.componentsDir),
    services: openServiceManager(fx, config.serviceManager),
    mirrors: openMirrors(sources, onTrouble),
    openForeign: (base) =>
      openSource(fx, base, {
        connectTimeoutMs,
        stallTimeoutMs,
        retries,
        userAgent,
        pace,
      }),
  };
}

/** How mirrors are asked. QxError `config` for credentials that cannot be read. */
export async function sourceSettings(
  fx: Effects,
  config: Config,
): Promise<SourceSettings> {
  return {
    ...(await readCredentials(fx.files, config)),
    connectTimeoutMs: config.connectTimeoutMs,
    stallTimeoutMs: config.stallTimeoutMs,
    retries: config.retries,
    pace:
      config.bandwidthLimit === null
        ? undefined
        : paceOf(fx.clock, config.bandwidthLimit),
    userAgent: `qx-update/${VERSION}`,
  };
}

/** A record that cannot be written, on a full disk for instance, does not hide or stop what it tells of. */
export async function ifPossible(
  session: Session,
  record: () => Promise<void>,
): Promise<void> {
  try {
    await record();
  } catch (trouble) {
    session.out.detail(`this could not be recorded: ${asQxError(trouble).message}`);
  }
}

/** `status` holds the lock for a moment to see whether it is free; a run does not stumble over that. */
async function takeLock(fx: Effects, path: string): Promise<Lock | null> {
  for (let tries = 0; tries < 4; tries += 1) {
    const lock = await fx.files.lock(path);
    if (lock !== null) return lock;
    await fx.clock.sleep(50);
  }
  return null;
}

/** Runs `work` as the only writer on this host. QxError `locked` when another run is under way. */
export function withLock<T>(
  { fx, config, layout }: Session,
  work: () => Promise<T>,
): Promise<T> {
  return lockedIn(fx, config.stateDir, async () => {
    await refuseForeignHands(fx.files, config.root, ownFolders(config, layout));
    return work();
  });
}

/** What a run makes, and believes to find again as it made it. */
function ownFolders({ stateDir }: Config, layout: Layout): string[] {
  const { staging, store, generations, baked } = layout;
  const kept = ['trust', 'pointers', 'manifests'].map((name) => `${stateDir}/${name}`);
  return [...kept, staging, store, generations, baked];
}

/** The same by a folder of one's own, for what needs no state. */
export async function lockedIn<T>(
  fx: Effects,
  folder: string,
  work: () => Promise<T>,
): Promise<T> {
  await fx.files.makeDirectory(folder, 0o755);
  const path = `${folder}/lock`;
  const lock = await takeLock(fx, path);
  if (lock === null) {
    throw new QxError('locked', 'another run is under way', {
      where: path,
      hint: '"qx-update status" shows what it is doing',
    });
  }
  try {
    return await work();
  } finally {
    await lock.release();
  }
}
