import t from 'tap';
import { encodePointer, parsePointer } from '../../../client/format/pointer.ts';
import { accepted, acceptedNames, edited, refused } from '../../support/documents.ts';
import { refusal, refusesAll, said } from '../../support/refusal.ts';

t.test('a canonical pointer is written as it was read', (t) => {
  for (const name of acceptedNames('pointer')) {
    t.strictSame(encodePointer(parsePointer(accepted(name))), accepted(name), name);
  }
  t.end();
});

t.test('white space, other order and unknown fields change nothing', (t) => {
  const text = accepted('pointer-full').toString();
  const document = JSON.parse(text) as Record<string, unknown>;
  const edits = [
    JSON.stringify(document),
    text.replaceAll('\n', '\r\n\t'),
    `\n${text}\n\n`,
    JSON.stringify(Object.fromEntries(Object.entries(document).reverse())),
    JSON.stringify({ ...document, note: { by: ['anna'] }, x: null }),
    text.replace('"from": 2.5', '"from": 2.5, "unknown": {"from": 3}'),
    text.replaceAll('"beta"', '"\\u0062eta"'),
  ];
  for (const edit of edits) {
    t.not(edit, text);
    t.strictSame(parsePointer(Buffer.from(edit)), parsePointer(Buffer.from(text)));
  }
  t.end();
});

t.test('a pointer may live for 400 days, to the second', (t) => {
  const set = { issued: '2026-01-01T00:00:00Z', expires: '2027-02-05T00:00:00Z' };
  const pointer = parsePointer(edited('pointer-minimal', { set }));
  t.equal(pointer.expires, '2027-02-05T00:00:00Z');
  t.end();
});

t.test('what a pointer must not say', (t) => {
  refusesAll(t, parsePointer, refused('pointer'));
});

t.test('documents that are no objects', (t) => {
  for (const text of ['[]', 'null', '1', '"pointer"', 'true']) {
    const error = refusal(() => parsePointer(Buffer.from(text)));
    t.match(error, { code: 'malformed', message: 'pointer: not an object' });
  }
  t.end();
});

t.test('a pointer of more than 32 KiB is refused, whatever it says', (t) => {
  const set = { message: 'a'.repeat(32_768) };
  const error = refusal(() => parsePointer(edited('pointer-minimal', { set })));
  t.equal(error.message, 'pointer: larger than 32768 bytes');
  t.end();
});

t.test('nothing is written that could not be read again', (t) => {
  const value = parsePointer(accepted('pointer-minimal'));
  const cases: [change: object, part: string][] = [
    [{ message: 'half a pair \ud800' }, 'half a surrogate pair'],
    [{ message: 'a'.repeat(40_000) }, 'larger than 32768 bytes'],
    [{ serial: 0 }, 'pointer: serial'],
  ];
  for (const [change, part] of cases) {
    const error = refusal(() => encodePointer({ ...value, ...change }));
    t.ok(said(error).includes(part), said(error));
  }
  t.end();
});
