import { canBeTried, otherSlot } from '../boot/boot-state.ts';
import type { ClientState } from '../format/client-state.ts';
import type { FullImage } from '../format/manifest.ts';
import type { Session } from '../session.ts';
import { bootedIfKnown, openEnvironment } from './host-slots.ts';
import { readNote } from './slot-writer.ts';

/** Whether this very release lies in the other slot and is what boots next. */
export async function waitsForReboot(
  { fx, config }: Session,
  { slots }: ClientState,
  manifest: string,
): Promise<boolean> {
  const booted = await bootedIfKnown(fx.files, config);
  if (booted === null) return false;
  const other = otherSlot(booted.slot);
  if (slots?.[other]?.release.manifest !== manifest) return false;
  const { state } = await openEnvironment(fx.files, config).read();
  return state.next === other && canBeTried(state.slots[other]);
}

/** Bytes of the image that an interrupted run has left in the other slot, as it noted them. */
export async function imageBytesHere(
  { fx, config }: Session,
  image: FullImage | undefined,
): Promise<number> {
  const booted = await bootedIfKnown(fx.files, config);
  if (booted === null || image === undefined) return 0;
  const slot = otherSlot(booted.slot);
  const note = await readNote(fx.files, config.stateDir, slot, image.content);
  return note?.bytes ?? 0;
}
