import { QxError } from '../format/error.ts';
import { readCurrent, removeGeneration, unlessBroken } from '../install/generations.ts';
import { readJournal } from '../install/journal.ts';
import type { Trouble } from '../state/trouble.ts';
import type { Session } from '../session.ts';
import type { Phase } from './find.ts';
import {
  type HookRecord,
  readHookRecord,
  type Reason,
  removeHookRecord,
  writeHookRecord,
} from './record.ts';
import { runHooks } from './run.ts';

export const INTERRUPTED: Reason = {
  code: 'interrupted',
  message: 'the update was interrupted',
};

/** The same as `runHooks` where nothing may be thrown any more: what cannot be run is trouble as well. */
export async function runLate(
  session: Session,
  phase: Phase,
  record: HookRecord,
): Promise<Trouble | null> {
  try {
    return await runHooks(session, phase, record);
  } catch (error) {
    if (!(error instanceof QxError)) throw error;
    const { message, where = '', found = '' } = error;
    return { message, output: `${where}: ${found}` };
  }
}

/**
 * on-failure, where hooks had begun something: null when nothing is left to take back. Else the record stays, and every
 * later run begins with this.
 */
export async function takeBack(
  session: Session,
  reason: Reason,
): Promise<Trouble | null> {
  const { files } = session.fx;
  const { stateDir } = session.config;
  const found = await readHookRecord(files, stateDir);
  if (found === null) return null;
  const failed: HookRecord = {
    ...found,
    stage: 'failed',
    reason: found.reason ?? reason,
  };
  await writeHookRecord(files, stateDir, failed);
  const trouble = await runLate(session, 'on-failure', failed);
  if (trouble !== null) return trouble;
  await removeHookRecord(files, stateDir);
  return null;
}

/** After a run that failed before its switch; what failed in the transaction was taken back there. */
export async function takeBackAfter(session: Session, error: QxError): Promise<void> {
  const { fx, config, out } = session;
  const record = await readHookRecord(fx.files, config.stateDir);
  if (record === null || record.stage !== 'begun') return;
  if ((await readJournal(fx.files, config.stateDir)) !== null) return;
  const { code, message } = error;
  const trouble = await takeBack(session, { code, message });
  if (trouble === null) await removeUnused(session, record);
  else out.warn(`${trouble.message}: the next run begins with taking back`);
}

/** What a run that was cut off has left to hooks. QxError 75 or 41 while it cannot be taken back. */
export async function finishHooks(session: Session): Promise<boolean> {
  const { fx, config } = session;
  const record = await readHookRecord(fx.files, config.stateDir);
  if (record === null || record.stage === 'waits') return false;
  const trouble = await takeBack(session, INTERRUPTED);
  if (trouble !== null) throw leftError(trouble, config.stateDir);
  await removeUnused(session, record);
  return true;
}

export function leftError(trouble: Trouble, where: string): QxError {
  return new QxError(
    trouble.deferred === true ? 'deferred' : 'rollback-failed',
    `what hooks had begun is not taken back: ${trouble.message}`,
    {
      where,
      found: trouble.output === '' ? undefined : trouble.output,
      hint: 'every run tries it again before anything else; the log has what the hook said',
    },
  );
}

/** The generation that was made ready and never switched to. */
async function removeUnused(
  { fx, layout }: Session,
  { generation }: HookRecord,
): Promise<void> {
  if (generation === undefined) return;
  const current = await unlessBroken(readCurrent(fx.files, layout));
  if (current !== null && current.generation !== generation)
    await removeGeneration(fx.files, layout, generation);
}
