import type { SlotRecord } from '../format/client-state.ts';
import type { QxError } from '../format/error.ts';
import { readCurrent } from '../install/generations.ts';
import type { Session } from '../session.ts';
import { addHistory } from '../state/history.ts';
import { rememberRefused } from '../state/refused.ts';
import { attachmentsOf, historyHead, raiseFloor, rememberRefusal } from '../traces.ts';

/** How history and progress call a system image. */
export const SYSTEM = 'system';

/** A system that was marked good: from here on its release counts as installed. */
export async function noteSystemGood(
  session: Session,
  { release, written, content }: SlotRecord,
): Promise<void> {
  const { fx, config, layout } = session;
  await raiseFloor(session, release);
  await session.log(
    'system-good',
    `system ${release.product} ${release.version} is good (${content})`,
  );
  const current = await readCurrent(fx.files, layout).catch(() => null);
  await addHistory(fx.files, config.stateDir, {
    ...historyHead(session),
    event: 'installed',
    version: release.version,
    generation: current?.generation ?? 0,
    components: [{ name: SYSTEM, version: release.version }],
    ...attachmentsOf(release),
    started: written,
  });
}

/** An image that waits for its first boot. */
export async function noteSystemWaits(
  session: Session,
  { release, content }: SlotRecord,
  slot: string,
): Promise<void> {
  const { fx, config } = session;
  const { product, version } = release;
  await session.log(
    'system-waiting',
    `${product} ${version} waits in slot ${slot} (${content})`,
  );
  await addHistory(fx.files, config.stateDir, {
    ...historyHead(session),
    event: 'written',
    version,
    message: `waits in slot ${slot} for the next boot`,
  });
}

/** A system that the boot loader gave up: its release is refused, and `status` says why. */
export async function noteSystemGivenUp(
  session: Session,
  { release, written }: SlotRecord,
  reason: QxError,
): Promise<void> {
  const { fx, config } = session;
  const output = reason.found ?? '';
  await rememberRefused(session, release, { message: reason.message, output });
  await session.log(
    'system-given-up',
    `${release.version}: ${reason.message}, ${output}`,
  );
  session.out.warn(`${release.product} ${release.version}: ${reason.message}`);
  await addHistory(fx.files, config.stateDir, {
    ...historyHead(session),
    event: 'returned',
    fromVersion: release.version,
    message: reason.message,
    output,
    started: written,
  });
  await rememberRefusal(session, reason);
}
