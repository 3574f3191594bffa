import t from 'tap';
import { parsePointer, type Pointer } from '../../../client/format/pointer.ts';
import {
  checkSerial,
  refuseUnbuiltPointerPolicy,
} from '../../../client/policy/pointer-policy.ts';
import { accepted } from '../../support/documents.ts';
import { refusal } from '../../support/refusal.ts';

const WHERE = 'channels/p/stable.json';
const POINTER = parsePointer(accepted('pointer-minimal'));
const pointer = (changes: Partial<Pointer>): Pointer => ({ ...POINTER, ...changes });
const A = 'a'.repeat(64);
const B = 'b'.repeat(64);

t.test('a serial may stay with the same bytes, or grow', (t) => {
  const seen = { serial: 7, sha256: A };
  checkSerial(undefined, pointer({ serial: 1 }), B, WHERE);
  checkSerial(seen, pointer({ serial: 7 }), A, WHERE);
  checkSerial(seen, pointer({ serial: 8 }), B, WHERE);
  t.end();
});

t.test('a serial never goes down and never has other bytes', (t) => {
  const seen = { serial: 7, sha256: A };
  const lower = refusal(() => checkSerial(seen, pointer({ serial: 6 }), A, WHERE));
  t.match(lower, { code: 'rollback', where: WHERE, expected: 'serial 7 or higher' });
  t.equal(lower.found, 'serial 6');
  const other = refusal(() => checkSerial(seen, pointer({ serial: 7 }), B, WHERE));
  t.match(other, { code: 'rollback', expected: `serial 7 with SHA-256 ${A}`, found: B });
  t.end();
});

t.test('a policy that is not built is answered with its name', (t) => {
  const rollout = { start: '2026-01-01T00:00:00Z', hours: 1, from: 0, to: 100 };
  const rows: [string, Partial<Pointer>][] = [
    ['paused', { paused: true }],
    ['rollout', { rollout }],
    ['via', { via: [] }],
  ];
  for (const [name, changes] of rows) {
    const error = refusal(() => refuseUnbuiltPointerPolicy(pointer(changes), WHERE));
    t.match(error, { code: 'deferred', exitCode: 75, where: WHERE, found: name });
  }
  t.end();
});

t.test('fields that ask for nothing are no policy', (t) => {
  refuseUnbuiltPointerPolicy(POINTER, WHERE);
  refuseUnbuiltPointerPolicy(pointer({ paused: false, message: 'hello' }), WHERE);
  t.end();
});

t.test('the reason of a pause is told', (t) => {
  const paused = pointer({ paused: true, message: 'a bad disk driver' });
  t.match(refusal(() => refuseUnbuiltPointerPolicy(paused, WHERE)).hint, /a bad disk/);
  t.end();
});
