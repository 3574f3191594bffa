import { isDeepStrictEqual } from 'node:util';
import { change } from '../boot/boot-environment.ts';
import { activate, beginInstall } from '../boot/boot-state.ts';
import { belowRoot } from '../config/load.ts';
import { hashFile } from '../content/hash.ts';
import { readSlotImage } from '../content/read-slot-image.ts';
import type { ClientState, SlotRecord } from '../format/client-state.ts';
import { QxError } from '../format/error.ts';
import type { FullImage } from '../format/manifest.ts';
import { formatTime } from '../format/time.ts';
import { fetchInto } from '../install/fetch-object.ts';
import { readCurrent } from '../install/generations.ts';
import type { FullSource } from '../policy/plan.ts';
import type { Source } from '../reader/source.ts';
import type { Session } from '../session.ts';
import { readState, writeState } from '../state/state-store.ts';
import type { Target } from './host-slots.ts';
import { slotLanding } from './slot-landing.ts';
import { removeNote, SlotWriter } from './slot-writer.ts';
import { hashOfLast, runningVersion, systemIn } from './system.ts';
import { noteSystemWaits } from './traces.ts';

/** QxError `disk` for an image that the slot cannot hold or a slot that is read-only, `deferred` while the running system is not good itself. */
export async function checkTarget(
  { environment, booted, partition, device }: Target,
  { content }: FullImage,
): Promise<void> {
  if (content.size > partition.bytes)
    throw new QxError('disk', 'the system image does not fit into its slot', {
      where: device,
      expected: `${partition.bytes} bytes at the most`,
      found: `${content.size} bytes`,
      hint: 'nothing was changed',
    });
  if (partition.readOnly)
    throw new QxError('disk', 'the slot cannot be written to', {
      where: device,
      found: 'read-only',
      hint: 'nothing was changed; the kernel sets a failing disk read-only: see dmesg',
    });
  beginInstall((await environment.read()).state, booted.slot);
}

/**
 * The image into the other slot, and nothing tried yet:
 *
 *   environment "holds no image" → stream, decode, write, fsync, close → drop caches → read back, hash
 *
 * A cut anywhere leaves the running system as the next one; the next run goes on from what was noted.
 */
export async function writeImage(
  session: Session,
  target: Target,
  image: FullImage,
  source: FullSource,
  places: Source[],
  onBytes: (count: number) => Promise<void>,
): Promise<void> {
  const { fx, config } = session;
  const { slot, device } = target;
  const writer = new SlotWriter({
    fx,
    stateDir: config.stateDir,
    slot,
    device,
    content: image.content,
    onFirstWrite: () => begin(session, target),
  });
  const landing = slotLanding(writer, source, image.content.size);
  const object = { sha256: source.sha256, size: source.size };
  try {
    await fetchInto(session, places, object, landing, onBytes);
  } catch (error) {
    // What arrived is kept; that this may fail as well must not hide the reason.
    await writer.close().catch(() => undefined);
    throw error;
  }
  await begin(session, target);
  await readBack(session, target, image);
}

/** The slot holds no whole image from here on, and what was known of it is forgotten. */
async function begin(session: Session, target: Target): Promise<void> {
  const { fx, config, layout } = session;
  const { slot, booted, environment } = target;
  await change(fx, environment, (state) => beginInstall(state, booted.slot));
  const state = await readState(fx.files, config.stateDir);
  const system = await systemIn(fx.files, config, booted.slot, state);
  const current = await readCurrent(fx.files, layout);
  const stays =
    system === null || current === null ? {} : { [system]: current.generation };
  const version = await runningVersion(fx.files, config);
  const next: ClientState = {
    ...state,
    slots: { ...state.slots, [slot]: null },
    // Nobody can ask it any more while the other one runs.
    ran: version === undefined ? {} : { [booted.slot]: version },
    systems: stays,
  };
  if (isDeepStrictEqual(next, state)) return;
  await writeState(fx.files, config.stateDir, next);
}

/** From the disk, not from memory. QxError `disk` for bytes that are not what was written. */
async function readBack(
  session: Session,
  { device }: Target,
  { content }: FullImage,
): Promise<void> {
  const { fx, config } = session;
  await dropCaches(session);
  const found = await hashFile(fx.files, device, content.size);
  if (found.sha256 === content.sha256 && found.size === content.size) return;
  await removeNote(fx.files, config.stateDir);
  throw new QxError('disk', 'the system image does not read back as it was written', {
    where: device,
    expected: `${content.sha256} (${content.size} bytes)`,
    found: `${found.sha256} (${found.size} bytes)`,
    hint: 'the disk may be failing: see its kernel messages (dmesg); the running system was not touched',
  });
}

/** Linux, Documentation/admin-guide/sysctl/vm.rst: 1 frees what was read from and written to disks. */
async function dropCaches({ fx, config, out }: Session): Promise<void> {
  const path = belowRoot(config.root, '/proc/sys/vm/drop_caches');
  try {
    const file = await fx.files.open(path, 'overwrite');
    await file.write(Buffer.from('1\n')).finally(() => file.close());
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (!['ENOENT', 'EACCES', 'EROFS', 'EPERM'].includes(code)) throw error;
    out.detail(`${path}: ${code}: what is read back may come from memory`);
  }
}

/** What the image says of itself, held against this host. QxError `not-for-host` or `malformed`. */
export async function checkImage(
  { fx, config }: Session,
  { device }: Target,
  { content }: FullImage,
): Promise<void> {
  const { about } = await readSlotImage(fx.files, device, content.size);
  if (about === null) return;
  const agree = (what: string, here: string, said: string | undefined): void => {
    if (said === undefined || said === here) return;
    throw new QxError('not-for-host', `the system image is for another ${what}`, {
      where: device,
      expected: here,
      found: said,
      hint: 'it is not tried; the running system was not touched',
    });
  };
  agree('architecture', config.arch, about.arch);
  agree('kind of machine', config.compatible, about.compatible);
}

/** The last step: what lies in the slot is written down, then one write of the environment says "try it". */
export async function tryImage(
  session: Session,
  { slot, device, environment }: Target,
  { content }: FullImage,
  release: SlotRecord['release'],
): Promise<void> {
  const { fx, config } = session;
  const record: SlotRecord = {
    content: content.sha256,
    size: content.size,
    last: await hashOfLast(fx.files, device, content.size),
    written: formatTime(fx.clock.now()),
    release,
  };
  const state = await readState(fx.files, config.stateDir);
  const slots = { ...state.slots, [slot]: record };
  await writeState(fx.files, config.stateDir, { ...state, slots });
  await change(fx, environment, (before) => activate(before, slot));
  await removeNote(fx.files, config.stateDir);
  await noteSystemWaits(session, record, slot);
}
