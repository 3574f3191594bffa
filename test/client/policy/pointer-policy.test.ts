import t from 'tap';
import { parsePointer, type Pointer } from '../../../client/format/pointer.ts';
import { checkPaused, checkSerial } from '../../../client/policy/pointer-policy.ts';
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

t.test('a pause is told with what the publisher says of it, on one line', (t) => {
  const pause = (message?: string) => () => {
    const said = message === undefined ? {} : { message };
    checkPaused(pointer({ paused: true, ...said }), WHERE);
  };
  const told = refusal(pause('a bad\ndisk driver\u001b[2J'));
  t.match(told, { code: 'deferred', exitCode: 75, where: WHERE, message: /^paused: / });
  t.match(told.found, /^a bad.disk driver.\[2J$/);
  t.notMatch(told.found, /[\n\u001b]/);
  t.match(refusal(pause()).found, /without a message/);
  t.end();
});

t.test('fields that ask for nothing are no policy', (t) => {
  checkPaused(POINTER, WHERE);
  checkPaused(pointer({ paused: false, message: 'hello' }), WHERE);
  t.end();
});
