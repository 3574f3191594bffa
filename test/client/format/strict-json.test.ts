import t from 'tap';
import { LIMITS } from '../../../client/format/limits.ts';
import { parseStrictJson } from '../../../client/format/strict-json.ts';
import { refusal, said } from '../../support/refusal.ts';

const parse = (input: string | Uint8Array, maxBytes = 1024 * 1024): unknown =>
  parseStrictJson(typeof input === 'string' ? Buffer.from(input) : input, 'it', maxBytes);

t.test('what JSON.parse takes and nothing forbids is taken as it is', (t) => {
  const texts = [
    '{}',
    '[]',
    '"a"',
    'null',
    ' \t\r\n[1,-1,0,0.5,1e3,1.0,-2.5E-3] ',
    '{"a":{"a":1},"b":[{"a":1},{"a":2}]}',
    '{"a:":":","\\":":"{\\"a\\":1,\\"a\\":2}"}',
    '["a","a"]',
    '[9007199254740991,-9007199254740991,0.1,123456789012.345]',
    '"\\ud83d\\ude80 🚀 \\u0001"',
    '["__proto__","constructor"]',
    `${'['.repeat(LIMITS.jsonDepth)}${']'.repeat(LIMITS.jsonDepth)}`,
  ];
  for (const text of texts)
    t.strictSame(parse(text), JSON.parse(text), text.slice(0, 60));
  t.end();
});

const many = Array.from({ length: 4097 }, (_, index) => `"k${index}":1`).join();

const REFUSED: [reason: string, input: string | Buffer, part: string][] = [
  ['nothing at all', '', 'not JSON'],
  ['no JSON', 'hello', 'not JSON'],
  ['a web page', '<!doctype html>', '<!doctype'],
  ['a comma too many', '{"a":1,}', 'at line 1, column 8'],
  ['a comma too few, lines below', '{\n "a": 1\n "b": 2}', 'at line 3, column 2'],
  ['two values', '{} {}', 'not JSON'],
  ['a comment', '{} // ', 'not JSON'],
  ['a number with a leading zero', '[01]', 'not JSON'],
  ['a bracket of the other kind', '{"a":[1}]', 'not JSON'],
  ['brackets that close too often', '{}}', 'not JSON'],
  ['NaN', '[NaN]', 'not JSON'],
  [
    'a key twice',
    '{"a":1,"a":2}',
    'a key stands twice in one object; expected undefined; found a',
  ],
  ['a key twice, once escaped', '{"a":1,"\\u0061":2}', 'a key stands twice'],
  [
    'a key twice, far from its colon',
    `{"a":1,"a"${' '.repeat(70)}:2}`,
    'a key stands twice',
  ],
  ['a key twice, lines before its colon', '{"a":1,"a"\r\n\t :2}', 'a key stands twice'],
  ['a key twice, deep inside', '[{"b":{"c":1,"d":{},"c":2}}]', 'a key stands twice'],
  [
    'a key twice, the first time after an object',
    '{"x":{"a":1},"a":1,"a":1}',
    'a key stands twice',
  ],
  ['the empty key twice', '{"":1,"":2}', 'a key stands twice'],
  ['a byte order mark', '\ufeff{}', 'begins with a byte order mark'],
  ['UTF-16', Buffer.from('\ufeff{}', 'utf16le'), 'not valid UTF-8'],
  ['a byte that is no UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'not valid UTF-8'],
  ['an overlong "/"', Buffer.from([0x22, 0xc0, 0xaf, 0x22]), 'not valid UTF-8'],
  [
    'a surrogate as UTF-8',
    Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]),
    'not valid UTF-8',
  ],
  ['17 levels', `${'['.repeat(17)}${']'.repeat(17)}`, 'nested deeper than 16 levels'],
  ['10,000 levels', '{"a":'.repeat(10_000), 'nested deeper than 16 levels'],
  ['2^53', '[9007199254740992]', 'a number that cannot be held exactly'],
  ['2^53 + 1', '[9007199254740993]', 'a number that cannot be held exactly'],
  ['-(2^53)', '[-9007199254740992]', 'a number that cannot be held exactly'],
  [
    '1e400',
    '{"a":1e400}',
    'a number that cannot be held exactly; expected undefined; found 1e400',
  ],
  ['1e-400, which would become 0', '[1e-400]', 'a number that cannot be held exactly'],
  ['-0, which would be written 0', '[-0]', 'a number that cannot be held exactly'],
  [
    '2.00000000000000000001, which would become 2',
    '[2.00000000000000000001]',
    'held exactly',
  ],
  ['a number at the top', '1e999', 'a number that cannot be held exactly'],
  ['a null byte between tokens', '{\0}', 'not JSON'],
  ['a null byte in a string', '"a\0b"', 'a string that is not JSON'],
  ['an escaped null byte', '{"a":"\\u0000"}', 'a null byte in a string'],
  ['an escaped null byte in a key', '{"\\u0000":1}', 'a null byte in a string'],
  ['half a surrogate pair', '"\\ud800"', 'half a surrogate pair'],
  ['surrogates in the wrong order', '"\\udc00\\ud800"', 'half a surrogate pair'],
  ['a raw line feed in a string', '"a\nb"', 'a string that is not JSON'],
  ['an escape that is none', '"\\x41"', 'a string that is not JSON'],
  ['a string without an end', '{"a', 'a string does not end'],
  ['a string that ends in a backslash', '"\\', 'a string does not end'],
  ['the key __proto__', '{"__proto__":{"a":1}}', 'a key that is not allowed'],
  ['the key __proto__, escaped', '{"\\u005f_proto__":1}', 'a key that is not allowed'],
  [
    'the key constructor, which a record drops',
    '{"constructor":1}',
    'a key that is not allowed',
  ],
  [
    'the key prototype, which a record drops',
    '{"prototype":1}',
    'a key that is not allowed',
  ],
  ['4,097 keys', `{${many}}`, 'too many keys in one object'],
];

t.test('what is refused, and why', (t) => {
  for (const [reason, input, part] of REFUSED) {
    const error = refusal(() => parse(input));
    t.equal(error.code, 'malformed', reason);
    t.ok(said(error).includes(part), `${reason}: ${said(error)}`);
    t.match(error.message, /^it: /);
    t.notMatch(said(error), /\n/, 'one line');
  }
  t.end();
});

t.test('a document of exactly the limit is read, one byte more is refused', (t) => {
  t.strictSame(parse('[1]', 3), [1]);
  t.equal(refusal(() => parse('[1] ', 3)).found, '4 bytes');
  t.end();
});

t.test('a refusal says where the document came from', (t) => {
  const error = refusal(() => parseStrictJson(Buffer.from('{'), 'it', 9, 'http://x/y'));
  t.equal(error.where, 'http://x/y');
  t.end();
});

t.test('hostile megabytes take no longer than reading them', (t) => {
  const size = 1024 * 1024;
  const inputs = [
    `["a"${' '.repeat(size - 4)}`,
    `{"a"${' '.repeat(size - 5)}`,
    `{${'"a" '.repeat(size / 4 - 1)}`,
    `"${'\\"'.repeat(size / 2 - 1)}`,
    `[${'1'.repeat(size - 2)}`,
    `[0.${'0'.repeat(size - 4)}`,
    '-'.repeat(size),
    `[${'[],'.repeat(size / 3 - 1)}`,
  ];
  for (const input of inputs) {
    const start = performance.now();
    refusal(() => parse(input));
    t.ok(performance.now() - start < 2000, `${input.slice(0, 8)}… in bounded time`);
  }
  t.end();
});
