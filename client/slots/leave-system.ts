import { change } from '../boot/boot-environment.ts';
import { otherSlot, rollBackTo, type Slot } from '../boot/boot-state.ts';
import { readCurrent, releaseOf } from '../install/generations.ts';
import { checkReleaseFloor } from '../policy/floor.ts';
import type { Session } from '../session.ts';
import { rememberRefused } from '../state/refused.ts';
import { readState } from '../state/state-store.ts';
import { readTrustedRoot } from '../state/trust-store.ts';
import { checkWayBack } from '../state/way-back.ts';
import { bootedIfKnown, openEnvironment, readBooted } from './host-slots.ts';
import { recordOf } from './system.ts';

/** Whether what is current came with the running system, so that the way back is the other slot. */
export async function cameWithSystem({ fx, config, layout }: Session): Promise<boolean> {
  const booted = await bootedIfKnown(fx.files, config);
  if (booted === null) return false;
  const { slots } = await readState(fx.files, config.stateDir);
  const record = slots?.[booted.slot] ?? null;
  const current = await readCurrent(fx.files, layout);
  return (
    record !== null &&
    (current === null || current.release?.manifest === record.release.manifest)
  );
}

export interface Leaving {
  /** Say where it would go, and change nothing. */
  dry: boolean;
  /** The other slot was asked for in so many words. */
  named: boolean;
}

/**
 * The other slot is next, and the release of this one does not come again by itself. QxError `config` when the other
 * system was never good, `rollback` when it lies below the floor, `signature` when a release key was replaced since and
 * nobody named it.
 */
export async function leaveSystem(
  session: Session,
  { dry, named }: Leaving,
): Promise<{ slot: Slot; version: string | null }> {
  const { fx, config, layout } = session;
  const booted = await readBooted(fx.files, config);
  const slot = otherSlot(booted.slot);
  const environment = openEnvironment(fx.files, config);
  rollBackTo((await environment.read()).state, slot);
  const state = await readState(fx.files, config.stateDir);
  const record = await recordOf(fx.files, config, slot, state);
  const { trusted } = await readTrustedRoot(fx.files, config.stateDir, config.trustRoot);
  checkReleaseFloor(record?.release, config.product, state, trusted, `slot ${slot}`);
  if (!named) {
    const way = { where: `slot ${slot}`, named: '--slot' };
    await checkWayBack(fx.files, config, record?.release, trusted, way);
  }
  const version = record?.release.version ?? null;
  if (dry) return { slot, version };
  const left =
    state.slots?.[booted.slot]?.release ?? releaseOf(await readCurrent(fx.files, layout));
  const message = `rolled back by hand to slot ${slot}`;
  await rememberRefused(session, left, { message, output: '' });
  await change(fx, environment, (before) => rollBackTo(before, slot));
  await session.log('system-left', message);
  return { slot, version };
}
