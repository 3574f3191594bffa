import { QxError } from '../format/error.ts';

export const SLOTS = ['A', 'B'] as const;
export type Slot = (typeof SLOTS)[number];

/** Boots that GRUB gives to a slot of each kind before it turns to the other one. */
export const TRIES = { good: 8, trial: 3 } as const;

/**
 * What the boot environment says of a slot:
 *
 *   good    has been marked good; left after 8 boots in a row without being marked again
 *   trial   just installed; 3 boots to be marked good in
 *   bad     refused; booted only when nothing else is left
 *   none    holds no whole image: empty, or an installation is under way
 */
export interface SlotState {
  kind: 'good' | 'trial' | 'bad' | 'none';
  /** 0 for bad and none. */
  triesLeft: number;
}

/** What is booted next, and both slots. A value: each step below gives a new one, and nothing is written. */
export interface BootState {
  next: Slot;
  slots: Readonly<Record<Slot, SlotState>>;
}

/** What GRUB goes by where no copy of the environment is readable. */
export const NEVER_WRITTEN: BootState = {
  next: 'A',
  slots: { A: full('trial'), B: full('trial') },
};

export function otherSlot(slot: Slot): Slot {
  return slot === 'A' ? 'B' : 'A';
}

/**
 * The other slot becomes "none" before its first byte is overwritten, and the booted one is next.
 * QxError `deferred` while the booted system is not good itself: it would lose the way back.
 */
export function beginInstall(state: BootState, booted: Slot): BootState {
  const { kind } = state.slots[booted];
  if (kind !== 'good') {
    throw new QxError('deferred', 'trial: the running system is not marked good yet', {
      where: `slot ${booted}`,
      expected: 'good',
      found: kind,
      hint: 'the other slot is the way back until then; see "qx-update mark-good"',
    });
  }
  return { ...withSlot(state, otherSlot(booted), EMPTY), next: booted };
}

/** The slot is next, on trial. QxError `defect` unless an installation has begun there. */
export function activate(state: BootState, slot: Slot): BootState {
  const { kind } = state.slots[slot];
  if (kind !== 'none') {
    throw new QxError('defect', 'a slot is activated that was not being installed', {
      where: `slot ${slot}`,
      expected: 'none',
      found: kind,
    });
  }
  return { ...withSlot(state, slot, full('trial')), next: slot };
}

/**
 * The booted slot is good, with all its tries. It is also next, unless the other one waits to be tried: an
 * update that was activated a moment ago is not called off.
 */
export function markGood(state: BootState, booted: Slot): BootState {
  const marked = withSlot(state, booted, full('good'));
  return canBeTried(state.slots[state.next]) ? marked : { ...marked, next: booted };
}

/** The slot is bad; the other one is next where that can be tried. */
export function markBad(state: BootState, slot: Slot): BootState {
  const marked = withSlot(state, slot, { kind: 'bad', triesLeft: 0 });
  const other = otherSlot(slot);
  return canBeTried(marked.slots[other]) ? { ...marked, next: other } : marked;
}

/** The slot is next, with all its tries. QxError `config` when it was never good. */
export function rollBackTo(state: BootState, slot: Slot): BootState {
  const { kind } = state.slots[slot];
  if (kind !== 'good') {
    throw new QxError('config', 'there is no system to go back to', {
      where: `slot ${slot}`,
      expected: 'a slot that was marked good',
      found: kind,
    });
  }
  return { ...withSlot(state, slot, full('good')), next: slot };
}

export function canBeTried({ triesLeft }: SlotState): boolean {
  return triesLeft > 0;
}

const EMPTY: SlotState = { kind: 'none', triesLeft: 0 };

function full(kind: keyof typeof TRIES): SlotState {
  return { kind, triesLeft: TRIES[kind] };
}

function withSlot(state: BootState, slot: Slot, value: SlotState): BootState {
  return { ...state, slots: { ...state.slots, [slot]: value } };
}
