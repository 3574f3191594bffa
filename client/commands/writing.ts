import { recover } from '../install/recover.ts';
import { openSession, type Session, withLock } from '../session.ts';
import type { Context } from './command.ts';

/** Runs `work` as the only writer on this host, after whatever a run that was cut off has left. */
export async function writing<T>(
  context: Context,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const config = await context.config();
  const session = await openSession(context.fx, config, context.out, context.signal);
  return withLock(session, async () => {
    await recover(session);
    return work(session);
  });
}
