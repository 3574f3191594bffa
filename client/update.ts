import { askBefore, beginHooks, subjectOf } from './hooks/begin.ts';
import { checkHostHooks } from './hooks/find.ts';
import { takeBackAfter } from './hooks/take-back.ts';
import { type Generation, readCurrent } from './install/generations.ts';
import { goBack, returnedError } from './install/go-back.ts';
import { prepareRelease } from './install/install.ts';
import { recover } from './install/recover.ts';
import { warnOfExpiry } from './expiry.ts';
import {
  checkServices,
  type How,
  servicesToRestart,
  switchTo,
} from './install/transaction.ts';
import { lookAtChannel } from './look.ts';
import { type Available, makeOffer, type Offer } from './offer.ts';
import { checkAll, hostPolicies, windowPolicy } from './policies.ts';
import { checkHealthCommands, type HealthResult } from './services/health.ts';
import { type Session, withLock } from './session.ts';
import { findTarget } from './slots/host-slots.ts';
import { checkTarget } from './slots/install-image.ts';
import { installSystem, type SystemStep } from './slots/install-system.ts';
import { stageObjects, track } from './stage.ts';
import { forgetChannel, forgetRefused } from './state/refused.ts';
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
  /** When the publisher's patience with windows ends. */
  deadline: string | undefined;
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
    let offered: string | undefined;
    const onOffer = (version: string): void => void (offered = version);
    try {
      if (options.depth !== 'check') await recover(session);
      const outcome = await steps(session, options, onOffer).catch(
        async (error: unknown) => {
          if (options.depth !== 'check') await takeBackAfter(session, asQxError(error));
          throw error;
        },
      );
      const { offer, rebootPending } = outcome;
      const done = outcome.installed !== null;
      // Behind a stepping stone there is more to take.
      const further = done && offer.status === 'available' ? offer.onTheWayTo : undefined;
      const upToDate = offer.status !== 'available' || (done && further === undefined);
      const installed = done && !rebootPending && further === undefined;
      await noteSuccess(session, further ?? offer.version, { upToDate, installed });
      return outcome;
    } catch (error) {
      await noteRefusal(session, asQxError(error), offered);
      throw error;
    } finally {
      await session.activity.clear();
    }
  });
}

async function steps(
  session: Session,
  options: UpdateOptions,
  onOffer: (version: string) => void,
): Promise<Outcome> {
  const { depth } = options;
  const trusted = await lookAtChannel(session);
  await warnOfExpiry(session, trusted);
  const offer = await makeOffer(session, trusted, options);
  const rebootPending = offer.status === 'reboot-pending';
  const nothing = {
    offer,
    deadline: trusted.pointer.deadline,
    downloadedBytes: 0,
    installed: null,
    rebootPending,
    health: [],
  };
  if (offer.status === 'available') onOffer(offer.version);
  if (offer.status !== 'available' || depth === 'check') return nothing;
  const system = await localPolicy(session, offer, options);
  await askBefore(session, subjectOf(offer, system === null ? 'components' : 'system'));
  const tracker = track(session, offer.version, offer.plan.downloadBytes);
  await stageObjects(session, offer, tracker);
  const fetched = { ...nothing, downloadedBytes: tracker.bytes() };
  if (depth === 'download') return fetched;
  await windowPolicy(session, { trusted, now: options.now === true }).check();
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
  await checkAll(hostPolicies(session, offer.sha256));
  await forgetChannel(session);
  // A service that this host lacks, or a check that it cannot run, is found before anything is fetched.
  await checkServices(session, offer.manifest.components);
  await checkHealthCommands({ fx, hooksDir: config.hooksDir }, offer.manifest.components);
  await checkHostHooks(session);
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
  const services = await servicesToRestart(session, from, to);
  const { generation } = to;
  const subject = { ...subjectOf(offer, 'components'), generation };
  const hooks = await beginHooks(session, subject, ['pre-install', 'drain']);
  return transact(session, from, to, { downloadedBytes, services, hooks });
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
