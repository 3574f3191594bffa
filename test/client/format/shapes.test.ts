import t from 'tap';
import type { GenericSchema } from 'valibot';
import { parseShape } from '../../../client/format/document.ts';
import * as shapes from '../../../client/format/shapes.ts';
import { refusal, said } from '../../support/refusal.ts';

const digest = 'ab'.repeat(32);

interface Shape {
  schema: GenericSchema;
  taken: unknown[];
  refused: [reason: string, value: unknown, part: string][];
}

const SHAPES: Record<string, Shape> = {
  name: {
    schema: shapes.name,
    taken: ['a', '0', 'qx-node', 'x86_64', 'a.b-c_d', 'a..b', 'a'.repeat(64)],
    refused: [
      ['empty', '', 'a name like'],
      ['65 characters', 'a'.repeat(65), 'at most 64 characters'],
      ['capital letters', 'Qx', 'a name like'],
      ['a dot first, which hides files', '.a', 'a name like'],
      ['an underscore first, which hosts drop', '_a', 'a name like'],
      ['a dash first, which is an option', '-a', 'a name like'],
      ['a folder above', '..', 'a name like'],
      ['a slash', 'a/b', 'a name like'],
      ['a space', 'a b', 'a name like'],
      ['a line feed at the end', 'a\n', 'a name like'],
      ['a letter beyond ASCII', 'ä', 'a name like'],
      ['a key that records drop', 'constructor', 'another name'],
      ['a key that records drop', 'prototype', 'another name'],
      ['a number', 7, 'expected string; found 7'],
      ['nothing', undefined, 'found nothing'],
    ],
  },
  version: {
    schema: shapes.version,
    taken: [
      '0.0.0',
      '1.4.2',
      '10.20.30',
      '1.5.0-dev.3',
      '1.0.0-0',
      '1.0.0-x-y.A',
      '1.0.0-0a.10',
    ],
    refused: [
      ['build metadata', '1.0.0+build', 'a version like'],
      ['build metadata after a pre-release', '1.0.0-rc.1+5', 'a version like'],
      ['a leading zero', '01.0.0', 'a version like'],
      ['a leading zero in the middle', '1.00.0', 'a version like'],
      ['a leading zero in a pre-release', '1.0.0-rc.01', 'a version like'],
      ['an empty pre-release', '1.0.0-', 'a version like'],
      ['an empty part of a pre-release', '1.0.0-a..b', 'a version like'],
      ['a leading v', 'v1.0.0', 'a version like'],
      ['two parts', '1.0', 'a version like'],
      ['white space', ' 1.0.0', 'a version like'],
      ['a part beyond 2^53', '9007199254740993.0.0', 'a semantic version'],
      ['65 characters', `1.0.0-${'a'.repeat(59)}`, '<=64'],
    ],
  },
  versionRange: {
    schema: shapes.versionRange,
    taken: ['<1.2.0', '>=1.2.0 <2.0.0', '^1.0.0 || 3.x', '*'],
    refused: [
      ['no range', 'newer', 'a range of versions'],
      ['257 characters', ' '.repeat(257), '<=256'],
    ],
  },
  sha256: {
    schema: shapes.sha256,
    taken: [digest],
    refused: [
      ['upper case', digest.toUpperCase(), 'a SHA-256 in lower-case hex'],
      ['63 digits', digest.slice(1), 'a SHA-256'],
      ['a path in it', `${digest.slice(3)}/..`, 'a SHA-256'],
      ['a line feed at the end', `${digest}\n`, 'a SHA-256'],
    ],
  },
  whole: {
    schema: shapes.whole,
    taken: [0, 1, 9007199254740991],
    refused: [
      ['negative', -1, '0 or more'],
      ['a fraction', 0.5, 'a whole number'],
      ['2^53', 9007199254740992, 'a whole number'],
      ['a string', '1', 'expected number'],
    ],
  },
  positive: {
    schema: shapes.positive,
    taken: [1],
    refused: [['zero', 0, '1 or more']],
  },
  time: {
    schema: shapes.time,
    taken: ['2026-01-31T12:00:00Z', '2028-02-29T00:00:00Z', '0001-01-01T00:00:00Z'],
    refused: [
      ['30 February', '2026-02-30T12:00:00Z', 'a time that exists'],
      ['29 February of no leap year', '2026-02-29T12:00:00Z', 'a time that exists'],
      ['a thirteenth month', '2026-13-01T12:00:00Z', 'a time that exists'],
      ['month zero', '2026-00-01T12:00:00Z', 'a time that exists'],
      ['24:00', '2026-01-31T24:00:00Z', 'a time that exists'],
      ['a leap second', '2016-12-31T23:59:60Z', 'a time that exists'],
      ['an offset', '2026-01-31T12:00:00+00:00', 'a time like'],
      ['a fraction of a second', '2026-01-31T12:00:00.000Z', 'a time like'],
      ['a small z', '2026-01-31T12:00:00z', 'a time like'],
      ['a date alone', '2026-01-31', 'a time like'],
      ['a year of five digits', '12026-01-31T12:00:00Z', 'a time like'],
      ['other digits than ours', '２026-01-31T12:00:00Z', 'a time like'],
    ],
  },
  permissions: {
    schema: shapes.permissions,
    taken: ['0644', '0755', '0000'],
    refused: [
      ['set-user-id', '4755', 'an octal mode'],
      ['three digits', '755', 'an octal mode'],
      ['no octal digit', '0788', 'an octal mode'],
      ['a number', 493, 'expected string'],
    ],
  },
  absolutePath: {
    schema: shapes.absolutePath,
    taken: [
      '/a',
      '/data/bin/qx-node',
      '/a/.b',
      '/a/...',
      '/a/..b',
      '/ä b',
      `/${'a'.repeat(1023)}`,
    ],
    refused: [
      ['the root folder', '/', 'an absolute path'],
      ['empty', '', 'an absolute path'],
      ['relative', 'data/bin', 'an absolute path'],
      ['a folder above', '/data/../etc', 'an absolute path'],
      ['a folder above at the end', '/data/..', 'an absolute path'],
      ['the same folder', '/data/./bin', 'an absolute path'],
      ['the same folder at the end', '/data/.', 'an absolute path'],
      ['two slashes', '/data//bin', 'an absolute path'],
      ['two slashes first', '//data', 'an absolute path'],
      ['a trailing slash', '/data/', 'an absolute path'],
      ['a line feed', '/data\n', 'an absolute path'],
      ['a null byte', '/data\0', 'an absolute path'],
      ['a control character of eight bits', '/data\u009b', 'an absolute path'],
      ['1,025 bytes', `/${'a'.repeat(1024)}`, 'at most 1024 bytes'],
      ['1,025 bytes in 513 characters', `/${'ä'.repeat(512)}`, 'at most 1024 bytes'],
    ],
  },
  descriptor: {
    schema: shapes.descriptor,
    taken: [{ sha256: digest, size: 0 }],
    refused: [
      ['without size', { sha256: digest }, 'size; expected a value; found nothing'],
      ['a size in words', { sha256: digest, size: '1' }, 'size; expected number'],
      [
        'a negative size',
        { sha256: digest, size: -1 },
        'size; expected 0 or more; found -1',
      ],
      ['a list', [digest, 1], 'it: sha256'],
    ],
  },
  manifestsByArch: {
    schema: shapes.manifestsByArch,
    taken: [{ any: { sha256: digest, size: 1 } }],
    refused: [
      ['none', {}, 'at least 1 entries'],
      ['a list', [{ sha256: digest, size: 1 }], 'an object'],
      ['a name that is none', { X86: { sha256: digest, size: 1 } }, 'a name like'],
      ['seventeen', seventeen(), 'at most 16 entries'],
    ],
  },
};

function seventeen(): unknown {
  const names = Array.from({ length: 17 }, (_, index) => `arch-${index}`);
  return Object.fromEntries(names.map((name) => [name, { sha256: digest, size: 1 }]));
}

for (const [name, { schema, taken, refused }] of Object.entries(SHAPES)) {
  t.test(`${name}: what fits is taken, everything else is refused with a reason`, (t) => {
    for (const value of taken) t.strictSame(parseShape(schema, value, 'it'), value);
    for (const [reason, value, part] of refused) {
      const error = refusal(() => parseShape(schema, value, 'it', 'here'));
      t.equal(error.code, 'malformed', reason);
      t.equal(error.where, 'here');
      t.ok(said(error).includes(part), `${reason}: ${said(error)}`);
    }
    t.end();
  });
}

t.test(
  'a record is written in the order of its keys, whatever order it was read in',
  (t) => {
    const schema = shapes.sortedRecord(shapes.name, shapes.whole, 8);
    const value = parseShape(schema, { b: 1, 'a-b': 2, a: 3, '10': 4, '9': 5 }, 'it');
    t.equal(JSON.stringify(value), '{"9":5,"10":4,"a":3,"a-b":2,"b":1}');
    t.end();
  },
);
