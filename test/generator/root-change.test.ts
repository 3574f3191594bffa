import t from 'tap';
import { QxError } from '../../client/format/error.ts';
import { publicKeyLine } from '../../client/format/minisign/public-key.ts';
import { type Root, encodeRoot, parseRoot } from '../../client/format/root.ts';
import {
  addKeys,
  followingRoot,
  removeKey,
  rotateKey,
  saysTheSame,
  setExpiry,
  setFloor,
  setThreshold,
} from '../../generator/root/change.ts';
import { differences } from '../../generator/root/difference.ts';
import { fixedKey } from '../support/forge.ts';

const [a, b, c, d] = [fixedKey(1), fixedKey(2), fixedKey(3), fixedKey(4)];
const NOW = Date.parse('2026-03-01T12:00:00Z');

const current: Root = {
  type: 'root',
  format: 1,
  repository: 'test',
  version: 4,
  expires: '2027-01-01T00:00:00Z',
  keys: Object.fromEntries(
    [a, b, c].map((key) => [key.id, publicKeyLine(key.publicKey)]),
  ),
  roles: {
    root: { keys: [a.id], threshold: 1 },
    release: { keys: [b.id, c.id], threshold: 2 },
    channel: { keys: [c.id], threshold: 1 },
  },
  floors: { 'quantix-os': 7 },
};
const next = followingRoot(current, '2026-03-01T12:00:00Z', 10);

t.test('the root that follows has the next number and a life of its own', (t) => {
  t.equal(next.version, 5);
  t.equal(next.expires, '2026-03-11T12:00:00Z');
  t.ok(saysTheSame(current, next));
  t.end();
});

t.test('changes', (t) => {
  const role = (root: Root, name: string) => root.roles[name];
  const more = addKeys(next, 'channel', [d.publicKey]);
  t.same(role(more, 'channel'), { keys: [c.id, d.id], threshold: 1 });
  t.equal(more.keys[d.id], publicKeyLine(d.publicKey));
  t.notOk(saysTheSame(current, more));
  t.same(addKeys(more, 'channel', [d.publicKey]), more, 'twice is once');

  const own = addKeys(next, 'channel/dev', [d.publicKey]);
  t.same(role(own, 'channel/dev'), { keys: [d.id], threshold: 1 });
  const ended = removeKey(own, 'channel/dev', d.id, true);
  t.notOk(ended.roles['channel/dev']);
  t.notOk(ended.keys[d.id], 'a key without a role is forgotten');

  const rotated = rotateKey(next, 'release', b.id, d.publicKey);
  t.same(role(rotated, 'release'), { keys: [d.id, c.id], threshold: 2 });
  t.notOk(rotated.keys[b.id]);
  const shared = rotateKey(next, 'channel', c.id, d.publicKey);
  t.ok(shared.keys[c.id], 'it still signs releases');

  t.same(role(setThreshold(more, 'channel', 2), 'channel')?.threshold, 2);
  t.same(setFloor(next, current, 'quantix-os', 9).floors, { 'quantix-os': 9 });
  t.same(setFloor(next, current, 'other', 1).floors, { 'quantix-os': 7, other: 1 });
  t.equal(setExpiry(next, '2030-01-01T00:00:00Z', NOW).expires, '2030-01-01T00:00:00Z');
  for (const root of [more, own, rotated]) {
    t.same(parseRoot(encodeRoot(root)), root, 'sound');
    t.equal(root.version, 5);
  }
  t.end();
});

const twin = { ...d.publicKey, bytes: b.publicKey.bytes };
const squatter = { ...b.publicKey, bytes: d.publicKey.bytes };

const REFUSED: [reason: string, change: () => Root, code: string, message: RegExp][] = [
  [
    'a threshold above the keys',
    () => setThreshold(next, 'root', 2),
    'usage',
    /could never be met/,
  ],
  [
    'a threshold of none',
    () => setThreshold(next, 'root', 0),
    'usage',
    /could never be met/,
  ],
  [
    'a key too few for the threshold',
    () => removeKey(next, 'release', b.id),
    'usage',
    /could never be met/,
  ],
  [
    'the last key of a role',
    () => removeKey(next, 'channel', c.id),
    'usage',
    /last key of a role/,
  ],
  [
    'the last key of a role that has to be',
    () => removeKey(next, 'root', a.id, true),
    'usage',
    /last key of a role/,
  ],
  ['a key of another role', () => removeKey(next, 'root', b.id), 'usage', /no such key/],
  [
    'the rotation of a key that is not there',
    () => rotateKey(next, 'root', b.id, d.publicKey),
    'usage',
    /no such key/,
  ],
  [
    'a rotation to a key that is there',
    () => rotateKey(next, 'release', b.id, c.publicKey),
    'usage',
    /has the role already/,
  ],
  [
    'a key for a role that is none',
    () => addKeys(next, 'toor', [d.publicKey]),
    'usage',
    /no such role/,
  ],
  [
    'a key for a channel that no name is',
    () => addKeys(next, 'channel/../x', [d.publicKey]),
    'usage',
    /no such role/,
  ],
  [
    'a key of a role that is not there',
    () => removeKey(next, 'channel/dev', c.id),
    'usage',
    /no such role/,
  ],
  [
    'a role called like what every object has',
    () => setThreshold(next, 'constructor', 1),
    'usage',
    /no such role/,
  ],
  [
    'one public key under two ids',
    () => addKeys(next, 'root', [twin]),
    'malformed',
    /under two ids/,
  ],
  [
    'another key under an id that is taken',
    () => addKeys(next, 'root', [squatter]),
    'usage',
    /another key has this id/,
  ],
  [
    'a lower floor',
    () => setFloor(next, current, 'quantix-os', 6),
    'rollback',
    /never lowered/,
  ],
  [
    'an expiry that has passed',
    () => setExpiry(next, '2026-03-01T12:00:00Z', NOW),
    'stale',
    /in the past/,
  ],
];

for (const [reason, change, code, message] of REFUSED) {
  t.test(`refused: ${reason}`, (t) => {
    try {
      change();
      t.fail('it was taken');
    } catch (error) {
      t.ok(error instanceof QxError);
      t.match(error, { code, message });
    }
    t.end();
  });
}

t.test(
  'a floor of this root may still be corrected, down to the one of the last root',
  (t) => {
    const high = setFloor(next, current, 'quantix-os', 900);
    t.same(setFloor(high, current, 'quantix-os', 9).floors, { 'quantix-os': 9 });
    t.end();
  },
);

t.test('the difference says all that a signer has to know, and nothing else', (t) => {
  const name = (id: string): string => (id === d.id ? 'ci' : id);
  t.same(differences(current, { ...next, expires: current.expires }, name), [
    'version     4 → 5',
  ]);
  const changed = setFloor(
    removeKey(
      setThreshold(addKeys(next, 'channel/dev', [d.publicKey]), 'release', 1),
      'release',
      b.id,
    ),
    current,
    'quantix-os',
    9,
  );
  t.same(differences(current, changed, name), [
    'version     4 → 5',
    'expires     2027-01-01T00:00:00Z → 2026-03-11T12:00:00Z',
    'role        channel/dev: new (until now "channel" signed for it)',
    'threshold   channel/dev: none → 1',
    `key         channel/dev: + ci  ${publicKeyLine(d.publicKey)}`,
    'threshold   release: 2 → 1',
    `key         release: - ${b.id}`,
    'floor       quantix-os: 7 → 9',
  ]);
  t.end();
});
