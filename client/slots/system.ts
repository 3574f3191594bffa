import { createHash } from 'node:crypto';
import type { Slot } from '../boot/boot-state.ts';
import type { Config } from '../config/config.ts';
import { belowRoot } from '../config/load.ts';
import { readLastBlock } from '../content/read-slot-image.ts';
import { readIfThere } from '../effects/durable.ts';
import type { Files } from '../effects/effects.ts';
import type { ClientState, SlotRecord } from '../format/client-state.ts';
import { QxError } from '../format/error.ts';
import * as v from 'valibot';
import { version } from '../format/shapes.ts';
import type { Session } from '../session.ts';
import { readState } from '../state/state-store.ts';
import { bootedIfKnown, findSlots, type SlotPlaces } from './host-slots.ts';

/** Written by the image builder: lines like VERSION="1.5.0", as in os-release. */
const RELEASE_FILES = ['/etc/quantix-release', '/etc/os-release'] as const;
const RELEASE_BYTES_MAX = 64 * 1024;

/**
 * What tells one system image from another: the digest of the image that this client wrote into the slot, else the
 * hash of the running system's release file. Null when there is neither.
 */
export async function systemIn(
  files: Files,
  config: Pick<Config, 'root' | 'bootEnvironment'>,
  slot: Slot,
  state: ClientState,
): Promise<string | null> {
  const record = await recordOf(files, config, slot, state);
  if (record !== null) return record.content;
  const release = await releaseFile(files, config);
  return release === null ? null : createHash('sha256').update(release).digest('hex');
}

/** The system that runs; null on a host without slots, or where nothing tells. */
export async function runningSystem({ fx, config }: Session): Promise<string | null> {
  const booted = await bootedIfKnown(fx.files, config);
  if (booted === null) return null;
  const state = await readState(fx.files, config.stateDir);
  return systemIn(fx.files, config, booted.slot, state);
}

/** What is known of a slot's image. Null when it never came from here, or is another one by now. */
export async function recordOf(
  files: Files,
  places: SlotPlaces,
  slot: Slot,
  state: ClientState,
): Promise<SlotRecord | null> {
  const record = state.slots?.[slot] ?? null;
  if (record === null) return null;
  try {
    const device = (await findSlots(files, places))[slot].device;
    const path = belowRoot(places.root, device);
    return (await hashOfLast(files, path, record.size)) === record.last ? record : null;
  } catch (error) {
    // A slot that cannot be found or read holds nothing that could be known.
    if (error instanceof QxError || isReadError(error)) return null;
    throw error;
  }
}

/** SHA-256 of the last block of an image of `size` bytes. */
export async function hashOfLast(
  files: Files,
  path: string,
  size: number,
): Promise<string> {
  const block = await readLastBlock(files, path, size);
  return createHash('sha256').update(block).digest('hex');
}

/** The version that the running image says it is. */
export async function runningVersion(
  files: Files,
  places: Pick<SlotPlaces, 'root'>,
): Promise<string | undefined> {
  const text = (await releaseFile(files, places))?.toString('utf8') ?? '';
  const said = /^VERSION="?([^"\n]*)"?$/m.exec(text)?.[1];
  return v.is(version, said) ? said : undefined;
}

async function releaseFile(
  files: Files,
  { root }: Pick<SlotPlaces, 'root'>,
): Promise<Buffer | null> {
  for (const path of RELEASE_FILES) {
    const bytes = await readIfThere(files, belowRoot(root, path), RELEASE_BYTES_MAX);
    if (bytes !== null) return bytes;
  }
  return null;
}

function isReadError(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return ['ENOENT', 'EIO', 'ENXIO', 'EACCES', 'ENOMEDIUM'].includes(code ?? '');
}
