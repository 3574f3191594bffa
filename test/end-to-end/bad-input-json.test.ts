import t from 'tap';
import { refuseRows, type Row } from '../support/bad-input.ts';
import { nextRelease, type Publish, withFields } from '../support/bad-tree.ts';

/** Bytes that JSON.parse or a careless reader would take, in both signed documents, well signed. */
interface BadJson {
  name: string;
  edit: (bytes: Buffer) => Buffer;
  error: RegExp;
  expected?: RegExp;
  found?: RegExp;
}

const text =
  (change: (text: string) => string) =>
  (bytes: Buffer): Buffer =>
    Buffer.from(change(bytes.toString()));

/** With another first field. */
const first = (field: string) => text((json) => json.replace('{', `{${field},`));

/** With a value as it is written, which JSON.stringify could not write. */
const release = (literal: string) => first(`"note":${literal}`);

const DEEP = 10_000;

const EDITS: BadJson[] = [
  {
    name: 'a key that stands twice',
    edit: first('"product":"quantix-os"'),
    error: /a key stands twice/,
    found: /product/,
  },
  {
    name: 'a key that stands twice, once with an escape',
    edit: first('"pro\\u0064uct":"quantix-os"'),
    error: /a key stands twice/,
    found: /product/,
  },
  {
    name: 'a byte order mark',
    edit: (bytes) => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes]),
    error: /byte order mark/,
  },
  {
    name: `${DEEP} levels`,
    edit: release(`${'['.repeat(DEEP)}${']'.repeat(DEEP)}`),
    error: /deeper than 16 levels/,
  },
  {
    name: 'a number beyond 2^53',
    edit: release('9007199254740993'),
    error: /cannot be held exactly/,
    found: /9007199254740993/,
  },
  {
    name: 'a number beyond all numbers',
    edit: release('1e999'),
    error: /cannot be held exactly/,
    found: /1e999/,
  },
  {
    name: 'a null byte in a string',
    edit: release('"a\\u0000b"'),
    error: /a null byte/,
  },
  {
    name: 'a null byte as it is',
    edit: text((json) => json.replace('{', '{\0')),
    error: /not JSON/,
  },
  {
    name: 'a null byte at the end',
    edit: text((json) => `${json}\0`),
    error: /not JSON/,
  },
  {
    name: 'half a surrogate pair',
    edit: release('"\\ud800"'),
    error: /half a surrogate pair/,
  },
  {
    name: 'bytes that are not UTF-8',
    edit: (bytes) => {
      const copy = Buffer.from(bytes);
      copy[copy.indexOf('example')] = 0xff;
      return copy;
    },
    error: /not valid UTF-8/,
  },
  {
    name: 'the key "__proto__"',
    edit: release('{"__proto__":{"x":1}}'),
    error: /a key that is not allowed/,
    found: /__proto__/,
  },
  {
    name: 'something behind the end',
    edit: text((json) => `${json}{}`),
    error: /not JSON/,
  },
  { name: 'a cut in the middle', edit: (bytes) => bytes.subarray(0, 99), error: /./ },
  { name: 'no JSON at all', edit: () => Buffer.from('hello\n'), error: /not JSON/ },
  {
    name: 'a list for the object',
    edit: (bytes) => Buffer.from(`[${bytes.toString()}]`),
    error: /not an object/,
  },
  { name: 'null', edit: () => Buffer.from('null\n'), error: /not an object/ },
  {
    name: 'a version that is a number',
    edit: (bytes) => withFields(bytes, { version: 1.1 }),
    error: /version/,
    expected: /string/,
    found: /1\.1/,
  },
  {
    name: 'a product that is a list',
    edit: (bytes) => withFields(bytes, { product: ['quantix-os'] }),
    error: /product/,
    expected: /string/,
    found: /quantix-os/,
  },
  {
    name: 'a format that is a string',
    edit: (bytes) => withFields(bytes, { format: '1' }),
    error: /format/,
    expected: /1/,
    found: /"1"/,
  },
  {
    name: 'a repository with control characters',
    edit: (bytes) => withFields(bytes, { repository: 'a\u001b[31mb' }),
    error: /repository/,
    expected: /a name like/,
    found: /a\ufffd\[31mb/,
  },
];

function rowOf(bad: BadJson, where: RegExp, publish: Publish): Row {
  const { name, error, expected, found } = bad;
  const says = { error, where, ...(expected && { expected }), ...(found && { found }) };
  return { name, publish, exit: 23, says };
}

const POINTERS = EDITS.map((bad) =>
  rowOf(bad, /channels\/quantix-os\/stable\.json/, (forge) => {
    nextRelease(forge, { editPointer: bad.edit });
  }),
);

const MANIFESTS = EDITS.map((bad): Row => ({
  ...rowOf(bad, /manifests\/[0-9a-f]{64}\.json/, (forge) => {
    nextRelease(forge, { editManifest: bad.edit });
  }),
  verified: 'pointer',
}));

t.test('JSON of a pointer', (t) => refuseRows(t, POINTERS));
t.test('JSON of a manifest', (t) => refuseRows(t, MANIFESTS));
