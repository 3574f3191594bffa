import { change } from '../boot/boot-environment.ts';
import { markBad, otherSlot, type Slot } from '../boot/boot-state.ts';
import { QxError } from '../format/error.ts';
import type { SlotRecord } from '../format/client-state.ts';
import type { Trouble } from '../state/trouble.ts';
import type { Session } from '../session.ts';
import { openEnvironment, readBooted } from '../slots/host-slots.ts';
import { runningVersion } from '../slots/system.ts';
import { readState } from '../state/state-store.ts';
import { asQxError } from '../terminal/output.ts';
import { ask, recordFor } from './begin.ts';
import {
  type HookRecord,
  readHookRecord,
  removeHookRecord,
  writeHookRecord,
} from './record.ts';
import { runLate, takeBack } from './take-back.ts';

/** The hooks of a system image: between its last write and the boot that proves it, a restart lies. */

/** From here on the boot decides what becomes of the update. */
export async function waitForBoot(
  session: Session,
  record: HookRecord | null,
  generation: number,
): Promise<void> {
  if (record === null) return;
  const { fx, config } = session;
  await writeHookRecord(fx.files, config.stateDir, {
    ...record,
    stage: 'waits',
    generation,
  });
}

/**
 * drain and pre-reboot, right before the machine restarts into the system that waits. QxError 75 when one says not now:
 * then the system goes on waiting. 40 when one refuses: then that slot is given up.
 */
export async function beforeReboot(session: Session): Promise<void> {
  const { fx, config } = session;
  const { slot: booted } = await readBooted(fx.files, config);
  const slot = otherSlot(booted);
  const waiting = (await readState(fx.files, config.stateDir)).slots?.[slot] ?? null;
  const record = waiting && (await recordOfSystem(session, waiting));
  if (record === null) return;
  await writeHookRecord(fx.files, config.stateDir, record);
  try {
    await ask(session, record, ['drain', 'pre-reboot']);
  } catch (error) {
    throw await stayHere(session, record, slot, asQxError(error));
  }
}

/** The record of the update that wrote it; a new one where hooks came to this host later. */
async function recordOfSystem(
  session: Session,
  { release }: SlotRecord,
): Promise<HookRecord | null> {
  const { fx, config } = session;
  const known = await readHookRecord(fx.files, config.stateDir);
  if (known?.manifest === release.manifest) return known;
  const from = await runningVersion(fx.files, config);
  const record = await recordFor(session, {
    kind: 'system',
    release,
    from,
    components: [],
  });
  return record && { ...record, stage: 'waits' };
}

async function stayHere(
  session: Session,
  record: HookRecord,
  slot: Slot,
  error: QxError,
): Promise<QxError> {
  const { fx, config } = session;
  const refused = error.code === 'apply-failed';
  if (refused)
    await change(fx, openEnvironment(fx.files, config), (state) => markBad(state, slot));
  const trouble = await takeBack(session, { code: error.code, message: error.message });
  if (trouble !== null) session.out.warn(`${trouble.message}: the next run tries again`);
  // What waits goes on waiting, with its hooks still to be asked.
  else if (!refused) await writeHookRecord(fx.files, config.stateDir, record);
  return error;
}

/**
 * post-boot, in the first boot of a system, before it is marked good. QxError 75 when a hook says not yet; 40 when one
 * refuses: then a slot on trial is bad, and the next boot is the other one.
 */
export async function afterBoot(session: Session, slot: Slot): Promise<void> {
  const { fx, config } = session;
  const record = await readHookRecord(fx.files, config.stateDir);
  if (record === null || record.stage !== 'waits') return;
  const { slots } = await readState(fx.files, config.stateDir);
  if (slots?.[slot]?.release.manifest !== record.manifest) return;
  const trouble = await runLate(session, 'post-boot', record);
  if (trouble === null) return removeHookRecord(fx.files, config.stateDir);
  const found = trouble.output === '' ? undefined : trouble.output;
  if (trouble.deferred === true)
    throw new QxError('deferred', trouble.message, {
      found,
      hint: 'the running system is not marked good yet',
    });
  await giveUp(session, record, slot, trouble);
  throw new QxError('apply-failed', trouble.message, {
    where: `slot ${slot}`,
    found,
    hint: 'a slot on trial is bad now: restart this machine to go back to the other one',
  });
}

/** A slot that a person has marked good stays that; nobody is asked again there. */
async function giveUp(
  { fx, config }: Session,
  record: HookRecord,
  slot: Slot,
  { message }: Trouble,
): Promise<void> {
  const environment = openEnvironment(fx.files, config);
  const { state } = await environment.read();
  if (state.slots[slot].kind !== 'trial')
    return removeHookRecord(fx.files, config.stateDir);
  const reason = { code: 'apply-failed', message };
  await writeHookRecord(fx.files, config.stateDir, { ...record, reason });
  await change(fx, environment, (before) => markBad(before, slot));
}
