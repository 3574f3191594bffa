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
import { stageObjects } from './stage.ts';
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
}

export interface Outcome {
  offer: Offer;
  downloadedBytes: number;
  /** What was installed, when something was. */
  installed: Generation | null;
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
      const upToDate = offer.status === 'up-to-date' || installed !== null;
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
  const offer = await makeOffer(session, trusted);
  const nothing = { offer, downloadedBytes: 0, installed: null, health: [] };
  if (offer.status === 'up-to-date' || depth === 'check') return nothing;
  await localPolicy(session, offer, options);
  const downloadedBytes = await stageObjects(session, offer);
  if (depth === 'download') return { ...nothing, downloadedBytes };
  return { offer, downloadedBytes, ...(await install(session, offer, downloadedBytes)) };
}

/** What this host has been told or has learned by itself: a hold, a release that failed here. */
async function localPolicy(
  session: Session,
  offer: Available,
  options: UpdateOptions,
): Promise<void> {
  const { fx, config } = session;
  if (options.retryRefused === true) await forgetRefused(session, offer.sha256);
  const state = await readState(fx.files, config.stateDir);
  checkHold(state.hold ?? undefined, fx.clock.now());
  await checkRefused(session, offer.sha256);
  // A service that this host lacks, or a check that it cannot run, is found before anything is fetched.
  await checkServices(session, offer.manifest.components);
  await checkHealthCommands({ fx, hooksDir: config.hooksDir }, offer.manifest.components);
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
