import { finishHooks } from '../hooks/take-back.ts';
import type { Session } from '../session.ts';
import { finishCommit } from '../traces.ts';
import { readCurrent, unlessBroken } from './generations.ts';
import { goBack } from './go-back.ts';
import { giveRoom, journalFile, readJournal, removeJournal } from './journal.ts';
import { QxError } from '../format/error.ts';
import { settle } from '../slots/settle.ts';

export type Recovery = 'nothing' | 'finished' | 'undone';

/**
 * What every command that writes does first: finishes or undoes what a run that was cut off had begun, and takes note
 * of another system that booted. QxError `rollback-failed` when the old release is back and is not well.
 */
export async function recover(session: Session): Promise<Recovery> {
  const recovery = await finishInterrupted(session);
  await settle(session);
  const undone = await finishHooks(session);
  return undone && recovery === 'nothing' ? 'undone' : recovery;
}

async function finishInterrupted(session: Session): Promise<Recovery> {
  const { fx, config, layout } = session;
  // What a cut between writing a file and giving it its name leaves behind.
  await fx.files.remove(`${journalFile(config.stateDir)}.new`);
  await fx.files.remove(`${layout.current}.new`);
  await giveRoom(fx.files, config.stateDir);
  const journal = await readJournal(fx.files, config.stateDir);
  if (journal === null) return 'nothing';
  await session.log(
    'interrupted-found',
    `an interrupted update is found in phase "${journal.phase}"`,
  );
  if (journal.phase === 'committed') {
    await finishCommit(session, journal);
    return 'finished';
  }
  const current = await unlessBroken(readCurrent(fx.files, layout));
  if (journal.phase === 'switching' && current?.generation !== journal.to) {
    // The switch never came, so no service has seen anything new.
    await removeJournal(fx.files, config.stateDir);
    return 'undone';
  }
  const trouble = await goBack(session, journal, null);
  if (trouble === null) return 'undone';
  throw new QxError(
    trouble.deferred === true ? 'deferred' : 'rollback-failed',
    `an interrupted update was undone, and ${trouble.message}`,
    {
      where: config.stateDir,
      found: trouble.output === '' ? undefined : trouble.output,
      hint: 'the old release is back; look at the service by hand',
    },
  );
}
