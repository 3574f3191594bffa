import { type Generation, readCurrent } from './install/generations.ts';
import { goBack, returnedError } from './install/go-back.ts';
import { prepareRelease } from './install/install.ts';
import { recover } from './install/recover.ts';
import { checkServices, type How, switchTo } from './install/transaction.ts';
import { lookAtChannel } from './look.ts';
import { type Available, makeOffer, type Offer } from './offer.ts';
import { checkHold } from './policy/hold.ts';
import { checkHealthCommands, type HealthResult } from './services/health.ts';
import { type Session, withLock } from './session.ts';
import { findTarget } from './slots/host-slots.ts';
import { checkTarget } from './slots/install-image.ts';
import { installSystem, type SystemStep } from './slots/install-system.ts';
import { stageObjects, track } from './stage.ts';
import { checkRefused, forgetRefused } from './state/refused.ts';
import { readState } from './state/state-store.ts';
import { asQxError } from './terminal/output.ts';
import { finishCommit, nameOf, noteRefusal, noteReturn, noteSuccess } from './traces.ts';

/** How far a run goes: look only, fetch ahead, or install. */
export type Depth = 'check' | 'download' | 'apply';

export interface UpdateOptions {
  depth: Depth;
  /** Try a release again that was taken back here. */
  retryRefused?: boolean;
  /** Do not wait for a turn or a window; holds and pauses count all the same. */
  now?: boolean;
}

export interface Outcome {
  offer: Offer;
  downloadedBytes: number;
  /** What was installed, when something was. */
  installed: Generation | null;
  /** A system waits in the other slot for the next boot. */
  rebootPending: boolean;
  health: HealthResult[];
}

/** The numbered workflow of README.md, from the lock to the last trace that a run leaves. */
export async function update(session: Session, options: UpdateOptions): Promise<Outcome> {
  // 1. The lock: one writer on a host.
  return withLock(session, async () => {
    try {
      if (options.depth !== 'check') await recover(session);
      const outcome = await steps(session, options);
      const { offer, installed } = outcome;
      const upToDate = offer.status !== 'available' || installed !== null;
      await noteSuccess(session, offer.version, upToDate);
      return outcome;
    } catch (error) {
      await noteRefusal(session, asQxError(error));
      throw error;
    } finally {
      await session.activity.clear();
    }
  });
}

async function steps(session: Session, options: UpdateOptions): Promise<Outcome> {
  const { depth } = options;
  const trusted = await lookAtChannel(session);
  const offer = await makeOffer(session, trusted, options);
  const rebootPending = offer.status === 'reboot-pending';
  const nothing = {
    offer,
    downloadedBytes: 0,
    installed: null,
    rebootPending,
    health: [],
  };
  if (offer.status !== 'available' || depth === 'check') return nothing;
  const system = await localPolicy(session, offer, options);
  const tracker = track(session, offer.version, offer.plan.downloadBytes);
  await stageObjects(session, offer, tracker);
  const fetched = { ...nothing, downloadedBytes: tracker.bytes() };
  if (depth === 'download') return fetched;
  if (system === null)
    return { ...fetched, ...(await install(session, offer, fetched.downloadedBytes)) };
  const installed = await installSystem(session, offer, system, tracker);
  return {
    ...fetched,
    downloadedBytes: tracker.bytes(),
    installed,
    rebootPending: true,
  };
}

/**
 * What this host has been told or has learned by itself: a hold, a release that failed here. The slot that a system
 * image goes to; null where there is none in the release.
 */
async function localPolicy(
  session: Session,
  offer: Available,
  options: UpdateOptions,
): Promise<SystemStep | null> {
  const { fx, config } = session;
  if (options.retryRefused === true) await forgetRefused(session, offer.sha256);
  const state = await readState(fx.files, config.stateDir);
  checkHold(state.hold ?? undefined, fx.clock.now());
  await checkRefused(session, offer.sha256);
  // A service that this host lacks, or a check that it cannot run, is found before anything is fetched.
  await checkServices(session, offer.manifest.components);
  await checkHealthCommands({ fx, hooksDir: config.hooksDir }, offer.manifest.components);
  const step = offer.plan.image;
  if (step === null) return null;
  const target = await findTarget(fx.files, config);
  await checkTarget(target, step.image);
  return { target, step };
}

async function install(
  session: Session,
  offer: Available,
  downloadedBytes: number,
): Promise<Pick<Outcome, 'installed' | 'health'>> {
  const { version, plan } = offer;
  const totalBytes = plan.downloadBytes;
  await session.activity.report({
    phase: 'installing',
    version,
    downloadedBytes,
    totalBytes,
  });
  // 12. Install, up to the switch.
  const to = await prepareRelease(session, offer);
  const from = await readCurrent(session.fx.files, session.layout);
  return transact(session, from, to, { downloadedBytes });
}

/** 12 to 14: the switch, restarts and health; then commit, or everything back. QxError 40 or 41. */
export async function transact(
  session: Session,
  from: Generation | null,
  to: Generation,
  how: How,
): Promise<{ installed: Generation; health: HealthResult[] }> {
  const { journal, trouble, health } = await switchTo(session, from, to, how);
  if (trouble === null)
    return { installed: await finishCommit(session, journal), health };
  session.out.warn(`${trouble.message}: going back to ${nameOf(from)}`);
  const second = await goBack(session, journal, trouble);
  await noteReturn(session, to, from, trouble);
  throw returnedError(nameOf(to), nameOf(from), trouble, second);
}
