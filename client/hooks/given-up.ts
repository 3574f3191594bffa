import type { Session } from '../session.ts';
import { readHookRecord, type Reason, writeHookRecord } from './record.ts';

/** A system that was given up: its hooks are still to take back what they began. */
export async function noteGivenUp(
  { fx, config }: Session,
  manifest: string,
  { code, message }: Reason,
): Promise<void> {
  const record = await readHookRecord(fx.files, config.stateDir);
  if (record?.manifest !== manifest) return;
  await writeHookRecord(fx.files, config.stateDir, {
    ...record,
    stage: 'failed',
    reason: record.reason ?? { code, message },
  });
}
