import t from 'tap';
import {
  type BootState,
  NEVER_WRITTEN,
  SLOTS,
  type Slot,
  type SlotState,
  activate,
  beginInstall,
  markBad,
  markGood,
  otherSlot,
  rollBackTo,
} from '../../../client/boot/boot-state.ts';
import { refusal } from '../../support/refusal.ts';

const good = (triesLeft = 8): SlotState => ({ kind: 'good', triesLeft });
const trial = (triesLeft = 3): SlotState => ({ kind: 'trial', triesLeft });
const bad: SlotState = { kind: 'bad', triesLeft: 0 };
const none: SlotState = { kind: 'none', triesLeft: 0 };

function state(next: Slot, A: SlotState, B: SlotState): BootState {
  return { next, slots: { A, B } };
}

t.test('an update in five steps', (t) => {
  const before = state('A', good(7), good(8));
  const installing = beginInstall(before, 'A');
  t.same(installing, state('A', good(7), none), 'the other slot is not bootable');
  t.same(activate(installing, 'B'), state('B', good(7), trial()));
  const booted = state('B', good(7), trial(2));
  t.same(markGood(booted, 'B'), state('B', good(7), good()));
  t.same(rollBackTo(markGood(booted, 'B'), 'A'), state('A', good(), good()));
  t.same(before, state('A', good(7), good(8)), 'a step changes no value');
  t.end();
});

t.test('no installation while the running system is not good itself', (t) => {
  for (const slot of [trial(1), bad, none]) {
    const error = refusal(() => beginInstall(state('A', slot, good()), 'A'));
    t.match(error, { code: 'deferred', expected: 'good', found: slot.kind });
  }
  t.end();
});

t.test('only a slot that was being installed is activated', (t) => {
  for (const slot of [good(), trial(), bad]) {
    const error = refusal(() => activate(state('A', good(), slot), 'B'));
    t.equal(error.code, 'defect');
  }
  t.end();
});

t.test('marking good makes the booted slot next, but calls off no update', (t) => {
  const rows: [why: string, before: BootState, next: Slot][] = [
    ['an update was activated', state('B', good(7), trial(3)), 'B'],
    ['a way back was asked for', state('B', good(7), good(8)), 'B'],
    ['the trial has failed', state('B', good(7), trial(0)), 'A'],
    ['the other one is bad', state('B', good(7), bad), 'A'],
    ['the other one never came up', state('B', good(7), good(0)), 'A'],
    ['an installation is under way', state('A', good(7), none), 'A'],
  ];
  for (const [why, before, next] of rows) {
    const after = markGood(before, 'A');
    t.same(after, { ...before, next, slots: { ...before.slots, A: good(8) } }, why);
  }
  t.end();
});

t.test('marking bad turns to the other slot where that can be tried', (t) => {
  t.same(markBad(state('B', good(4), trial(2)), 'B'), state('A', good(4), bad));
  t.same(markBad(state('B', none, trial(2)), 'B'), state('B', none, bad));
  t.same(markBad(state('A', good(4), good(8)), 'B'), state('A', good(4), bad));
  t.end();
});

t.test('there is no way back to a slot that was never good', (t) => {
  for (const slot of [trial(3), bad, none])
    t.equal(
      refusal(() => rollBackTo(state('A', good(), slot), 'B')).code,
      'config',
      slot.kind,
    );
  t.same(rollBackTo(state('A', good(2), good(0)), 'B'), state('B', good(2), good(8)));
  t.end();
});

t.test('a lost environment becomes a good one by marking what runs', (t) => {
  for (const slot of SLOTS) {
    const after = markGood(NEVER_WRITTEN, slot);
    t.same(after.slots, { [slot]: good(), [otherSlot(slot)]: trial() });
  }
  t.end();
});
