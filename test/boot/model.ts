import type { Values } from './block.ts';

// The boot contract of overlay/README.md once more, in another language and without a look at grub.cfg or
// client/boot: the oracle of the table.

/** One copy on the disk, as the author of a row knows it. */
export interface Copy {
  /** What it says; null when it is not whole. */
  values: Values | null;
  /** Whether save_env can write to it: GRUB's first line is there, and the disk takes writes. */
  writable: boolean;
  /** A copy that takes the write and does not show it afterwards. */
  lies?: boolean;
}

export interface Start {
  slot: 'A' | 'B';
  reason: string;
}

export interface Expected {
  starts: Start[];
  end: 'boot' | 'reboot';
  /** What each copy says afterwards; undefined where it was not touched. */
  written: [Values | undefined, Values | undefined];
}

interface Slots {
  next: 'A' | 'B';
  A: string;
  B: string;
}

interface Choice extends Start {
  after: Slots;
  write: boolean;
}

const NEVER_WRITTEN: Values = {
  generation: 10_000_000,
  next: 'A',
  a: 'trial-3',
  b: 'trial-3',
};
const LAST_GENERATION = 99_999_999;

export function expect(
  copies: readonly [Copy, Copy],
  fails: readonly string[] = [],
): Expected {
  const current = newest(copies);
  const values = current === null ? NEVER_WRITTEN : (copies[current].values as Values);
  const slots: Slots = { next: values.next as 'A' | 'B', A: values.a, B: values.b };
  const choice = choose(slots);
  const written: Expected['written'] = [undefined, undefined];
  const counted =
    choice.write && write(copies, current, values.generation, choice.after, written);
  const first = counted || !choice.write ? choice : uncounted(choice, slots);
  const start: Start = { slot: first.slot, reason: first.reason };
  if (loads(first.slot, fails)) return { starts: [start], end: 'boot', written };
  if (counted) return { starts: [start], end: 'reboot', written };
  const second: Start = { slot: otherThan(first.slot), reason: 'unloadable' };
  const end = loads(second.slot, fails) ? 'boot' : 'reboot';
  return { starts: [start, second], end, written };
}

export function otherThan(slot: 'A' | 'B'): 'A' | 'B' {
  return slot === 'A' ? 'B' : 'A';
}

function newest([zero, one]: readonly [Copy, Copy]): 0 | 1 | null {
  if (zero.values === null) return one.values === null ? null : 1;
  if (one.values === null) return 0;
  return one.values.generation > zero.values.generation ? 1 : 0;
}

function choose(slots: Slots): Choice {
  const order = [slots.next, otherThan(slots.next)] as const;
  const able = order.find((slot) => triesLeft(slots[slot]) > 0);
  if (able !== undefined) {
    const own = slots[able].startsWith('trial') ? 'trial' : 'proven';
    const reason = able === slots.next ? own : 'fallback';
    const after = { ...slots, [able]: oneLess(slots[able]) };
    return { slot: able, reason, after, write: true };
  }
  const worn = order.find((slot) => slots[slot] === 'good-0');
  if (worn !== undefined) return { ...refill(slots, worn), write: true };
  return lastResort(slots);
}

function triesLeft(state: string): number {
  return Number(/-(\d)$/.exec(state)?.[1] ?? 0);
}

function oneLess(state: string): string {
  return state.replace(/\d$/, (left) => `${Number(left) - 1}`);
}

function refill(slots: Slots, slot: 'A' | 'B'): Start & { after: Slots } {
  const full = (state: string): string => (state === 'good-0' ? 'good-8' : state);
  const after = { ...slots, A: full(slots.A), B: full(slots.B) };
  return { slot, reason: 'refilled', after: { ...after, [slot]: 'good-7' } };
}

function lastResort(slots: Slots): Choice {
  const whole = (['A', 'B'] as const).filter((slot) => slots[slot] !== 'none');
  const reason = 'last-resort';
  if (whole.length === 1)
    return { slot: whole[0] as 'A' | 'B', reason, after: slots, write: false };
  const after = { ...slots, next: otherThan(slots.next) };
  return { slot: slots.next, reason, after, write: true };
}

/** Nobody counts a trial now: the other slot, if it ever was good. */
function uncounted(choice: Choice, slots: Slots): Start {
  if (!slots[choice.slot].startsWith('trial')) return choice;
  if (triesLeft(slots[choice.slot]) === 0) return choice;
  const other = otherThan(choice.slot);
  return slots[other].startsWith('good')
    ? { slot: other, reason: 'unwritable' }
    : { slot: choice.slot, reason: 'last-resort' };
}

/** The older copy first, then the newer one with a generation that is higher still. */
function write(
  copies: readonly [Copy, Copy],
  current: 0 | 1 | null,
  generation: number,
  { next, A, B }: Slots,
  written: Expected['written'],
): boolean {
  const order = current === 0 ? ([1, 0] as const) : ([0, 1] as const);
  for (const [step, copy] of order.entries()) {
    const raised = generation + step + 1;
    if (raised > LAST_GENERATION || !copies[copy].writable) continue;
    written[copy] = { generation: raised, next, a: A, b: B };
    if (copies[copy].lies !== true) return true;
  }
  return false;
}

function loads(slot: 'A' | 'B', fails: readonly string[]): boolean {
  return ![`linux-${slot}`, `initrd-${slot}`, 'boot'].some((each) =>
    fails.includes(each),
  );
}
