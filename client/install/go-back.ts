import { QxError } from '../format/error.ts';
import type { Reason } from '../hooks/record.ts';
import { INTERRUPTED, takeBack } from '../hooks/take-back.ts';
import { ifPossible, type Session } from '../session.ts';
import { rememberRefused } from '../state/refused.ts';
import type { Trouble } from '../state/trouble.ts';
import {
  type Generation,
  readCurrent,
  readGeneration,
  releaseOf,
  removeGeneration,
  switchCurrent,
} from './generations.ts';
import { type Journal, removeJournal, writeJournal } from './journal.ts';
import { clearStaging } from './store.ts';
import { restartAndCheck } from './transaction.ts';
import { inspectGeneration } from './verify.ts';
import { tellVersions } from './version-files.ts';

/**
 * The way back: what was wrong is remembered, `current` returns to where it pointed, hooks take back what they did, the
 * services that ran before are restarted, and the old release is checked as well. Null when it is well; the second trouble
 * otherwise, and then a person must look. Each step may be cut off and done again.
 */
export async function goBack(
  session: Session,
  journal: Journal,
  reason: Trouble | null,
): Promise<Trouble | null> {
  const { fx, config, layout } = session;
  if (reason !== null && reason.deferred !== true) {
    const failed = await readGeneration(fx.files, layout, journal.to);
    // A host that cannot write down what was wrong goes back all the same.
    await ifPossible(session, () => rememberRefused(session, releaseOf(failed), reason));
  }
  await writeJournal(fx.files, config.stateDir, { ...journal, phase: 'returning' });
  const trouble = await restore(session, journal, reason);
  await clearStaging(session);
  if (journal.by_hand !== true) await removeGeneration(fx.files, layout, journal.to);
  await removeJournal(fx.files, config.stateDir);
  return trouble;
}

/**
 * The old content is what ran a moment ago, so it comes back even when somebody changed it in the store; that it
 * is not what was signed is found before and told.
 */
async function restore(
  session: Session,
  journal: Journal,
  reason: Trouble | null,
): Promise<Trouble | null> {
  const changed = await changedContent(session, journal.from);
  const old = await pointBack(session, journal);
  await tellVersions(session, await triedGeneration(session, journal), old);
  // Before anything old starts: it may need what a hook changed, a database for instance, as it was.
  const left = await takeBack(session, asReason(reason));
  if (old === null) return left;
  const { trouble } = await restartAndCheck(session, journal.services, old);
  return left ?? trouble ?? changed;
}

function asReason(reason: Trouble | null): Reason {
  if (reason === null) return INTERRUPTED;
  const code = reason.deferred === true ? 'deferred' : 'apply-failed';
  return { code, message: reason.message };
}

/** Null when an earlier attempt at the way back has come as far as to remove it. */
async function triedGeneration(
  { fx, layout }: Session,
  { to }: Journal,
): Promise<Generation | null> {
  return readGeneration(fx.files, layout, to).catch(() => null);
}

async function changedContent(
  session: Session,
  number: number | null,
): Promise<Trouble | null> {
  if (number === null) return null;
  const generation = await readGeneration(session.fx.files, session.layout, number);
  const [changed] = await inspectGeneration(session, generation);
  if (changed === undefined) return null;
  const { message, where, expected, found } = changed;
  return { message, output: `${where}: expected ${expected}, found ${found}` };
}

/** Where nothing was current, nothing is current again: the links lead nowhere, as there was nothing before. */
async function pointBack(session: Session, journal: Journal): Promise<Generation | null> {
  const { fx, layout } = session;
  if (journal.from === null) {
    await fx.files.remove(layout.current);
    await fx.files.syncDirectory(layout.components);
    return null;
  }
  const current = await readCurrent(fx.files, layout).catch(() => null);
  if (current?.generation !== journal.from) {
    await switchCurrent(fx.files, layout, journal.from);
  }
  return readGeneration(fx.files, layout, journal.from);
}

/** 40 when the old release is back and well, 75 when a hook wants it later, 41 when a person must look. */
export function returnedError(
  failed: string,
  restored: string,
  reason: Trouble,
  second: Trouble | null,
): QxError {
  if (second === null && reason.deferred === true) {
    return new QxError('deferred', `${reason.message}; ${restored} is back`, {
      where: failed,
      found: reason.output === '' ? undefined : reason.output,
      hint: 'the next run tries it again',
    });
  }
  if (second === null) {
    return new QxError('apply-failed', `${reason.message}; ${restored} is back`, {
      where: failed,
      found: reason.output === '' ? undefined : reason.output,
      hint: 'this release is refused until the channel moves on; "qx-update apply --retry-refused" tries it again',
    });
  }
  return new QxError(
    'rollback-failed',
    `${reason.message}; ${restored} is back and is not well either`,
    {
      where: failed,
      expected: `${restored} to be well`,
      found: [second.message, second.output].filter((text) => text !== '').join(': '),
      hint: 'look at the service by hand; "qx-update history" and the log have what was tried',
    },
  );
}
