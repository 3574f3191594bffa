import { canBeTried, otherSlot, type Slot, type SlotState } from '../boot/boot-state.ts';
import type { Booted } from '../boot/booted.ts';
import type { ClientState, SlotRecord } from '../format/client-state.ts';
import { QxError } from '../format/error.ts';
import { formatTime } from '../format/time.ts';
import { putLink, standing } from '../install/adopt.ts';
import {
  type Generation,
  readCurrent,
  readGenerations,
  switchCurrent,
} from '../install/generations.ts';
import { placeOf } from '../install/install.ts';
import { tellVersions } from '../install/version-files.ts';
import { noteGivenUp } from '../hooks/given-up.ts';
import type { Session } from '../session.ts';
import { readState, writeState } from '../state/state-store.ts';
import { bootedIfKnown, openEnvironment, reachEnvironment } from './host-slots.ts';
import { removeNote } from './slot-writer.ts';
import { systemIn } from './system.ts';
import { noteSystemGivenUp, noteSystemGood } from './traces.ts';

/**
 * What has to be done once after another system booted, by an update or because the boot loader fell back:
 * `current` points to that system's generation or to none, and what became of a trial is written down.
 * Nothing where the booted slot is not known. May be cut off anywhere and is done again.
 */
export async function settle(session: Session): Promise<void> {
  const { fx, config } = session;
  const booted = await bootedIfKnown(fx.files, config);
  if (booted === null) return;
  await reachEnvironment(fx, config);
  const state = await readState(fx.files, config.stateDir);
  await followSystem(session, booted, state);
  await settleTrial(session, booted, state);
}

async function followSystem(
  session: Session,
  { slot }: Booted,
  state: ClientState,
): Promise<void> {
  const { fx, config, layout } = session;
  const system = await systemIn(fx.files, config, slot, state);
  const current = await readCurrent(fx.files, layout);
  if (system === null || isOf(current, system, slot, state)) return;
  const own = await generationOf(session, state, system, slot);
  if (own?.generation === current?.generation) return;
  await rememberLeft(session, state, current);
  // Before the switch: a run that is cut off in between comes here again.
  await tellVersions(session, current, own);
  if (own === null) {
    await fx.files.remove(layout.current);
    await fx.files.syncDirectory(layout.components);
  } else {
    await switchCurrent(fx.files, layout, own.generation);
    await linkMissing(session, own);
  }
  const what = own === null ? 'what came with it' : `generation ${own.generation}`;
  session.out.say(`another system runs in slot ${slot}: ${what} is current`);
  await session.log(
    'system-changed',
    `system ${system} runs in slot ${slot}: ${what} is current`,
  );
}

/** A generation from before the first system image does not say; it goes with the system that the host came with. */
function isOf(
  current: Generation | null,
  system: string,
  slot: Slot,
  { slots, systems }: ClientState,
): boolean {
  if (current === null) return false;
  if (current.system !== undefined) return current.system === system;
  return !slots?.[slot] || systems?.[system] === current.generation;
}

/** The one that was current when the system was left; in its first boot the one that came with its image. */
async function generationOf(
  { fx, layout }: Session,
  { slots, systems }: ClientState,
  system: string,
  slot: Slot,
): Promise<Generation | null> {
  const { whole } = await readGenerations(fx.files, layout);
  const left = whole.find((each) => each.generation === systems?.[system]);
  if (left !== undefined) return left;
  const own = slots?.[slot] ? whole.filter((each) => each.system === system) : [];
  return own.at(-1) ?? null;
}

async function rememberLeft(
  { fx, config }: Session,
  state: ClientState,
  current: Generation | null,
): Promise<void> {
  if (current?.system === undefined) return;
  const systems = { ...state.systems, [current.system]: current.generation };
  await writeState(fx.files, config.stateDir, { ...state, systems });
}

/** Install paths inside the image are as the image brings them; what stands there is left alone. */
async function linkMissing(session: Session, generation: Generation): Promise<void> {
  const { fx, layout, out } = session;
  for (const entry of generation.entries) {
    const place = placeOf(session, entry);
    const found = await standing(fx.files, layout, place);
    if (found === 'nothing') await putLink(fx.files, layout, place);
    else if (found !== 'ours')
      out.warn(
        `${entry.install_path} is not a link of ours: ${entry.name} is not in use`,
      );
  }
}

async function settleTrial(
  session: Session,
  booted: Booted,
  { slots = {} }: ClientState,
): Promise<void> {
  const { fx, config } = session;
  const open = (slot: Slot): SlotRecord | null => {
    const record = slots[slot] ?? null;
    return record?.good === undefined && record?.given_up === undefined ? record : null;
  };
  const other = otherSlot(booted.slot);
  const [mine, others] = [open(booted.slot), open(other)];
  if (mine === null && others === null) return;
  const { state } = await openEnvironment(fx.files, config).read();
  if (mine !== null && state.slots[booted.slot].kind === 'good') {
    await noteSystemGood(session, mine);
    await closeRecord(session, booted.slot, { good: formatTime(fx.clock.now()) });
    await removeNote(fx.files, config.stateDir);
  }
  if (others !== null && isOver(state.slots[other])) {
    const reason = whyGivenUp(state.slots[other], booted, other);
    await noteSystemGivenUp(session, others, reason);
    await noteGivenUp(session, others.release.manifest, reason);
    await closeRecord(session, other, { given_up: formatTime(fx.clock.now()) });
  }
}

function isOver({ kind, triesLeft }: SlotState): boolean {
  return kind === 'bad' || (kind === 'trial' && !canBeTried({ kind, triesLeft }));
}

function whyGivenUp({ kind }: SlotState, booted: Booted, slot: Slot): QxError {
  const what =
    kind === 'bad' ? 'was marked bad' : 'did not become good in any of its three boots';
  return new QxError('apply-failed', `the system in slot ${slot} ${what}`, {
    where: `slot ${slot}`,
    found: `slot ${booted.slot} runs, because: ${booted.reason ?? 'not said'}`,
    hint: 'the release is refused until the channel moves on; its console output tells more',
  });
}

async function closeRecord(
  { fx, config }: Session,
  slot: Slot,
  end: Pick<SlotRecord, 'good' | 'given_up'>,
): Promise<void> {
  const state = await readState(fx.files, config.stateDir);
  const record = state.slots?.[slot];
  if (record === undefined || record === null) return;
  const slots = { ...state.slots, [slot]: { ...record, ...end } };
  await writeState(fx.files, config.stateDir, { ...state, slots });
}
