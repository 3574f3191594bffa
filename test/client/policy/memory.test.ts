import t from 'tap';
import type { SecretKey } from '../../../client/format/minisign/secret-key.ts';
import type { Root } from '../../../client/format/root.ts';
import { underPin, underRoot } from '../../../client/policy/memory.ts';
import { listed, role, twinOf } from '../../attack/documents.ts';
import { fixedKey, makeForge } from '../../support/forge.ts';

const NOW = Date.UTC(2026, 0, 1);
const { root } = makeForge(t.testdir());
const [first, second, third] = [fixedKey(40), fixedKey(41), fixedKey(42)];

const releasedBy = (threshold: number, ...keys: SecretKey[]): Root => ({
  ...root,
  keys: { ...root.keys, ...listed(...keys) },
  roles: { ...root.roles, release: role(threshold, ...keys) },
});
const memory = {
  root_version: 1,
  root_since: '2025-01-01T00:00:00Z',
  issued: '2025-06-01T00:00:00Z',
  pointers: {},
  floors: { 'quantix-os': 7 },
};

t.test('floors outlive a root as long as no release key is lost', (t) => {
  const two = releasedBy(1, first, second);
  const rows = [
    { why: 'the same keys', before: two, after: two, kept: true },
    { why: 'a key more', before: two, after: releasedBy(1, first, second, third), kept: true },
    { why: 'in another order', before: two, after: releasedBy(1, second, first), kept: true },
    { why: 'another threshold', before: two, after: releasedBy(2, first, second), kept: true },
    { why: 'under another id', before: two, after: releasedBy(1, twinOf(first, 77), second), kept: true },
    { why: 'a key less', before: two, after: releasedBy(1, first), kept: false },
    { why: 'another key', before: two, after: releasedBy(1, first, third), kept: false },
    { why: 'another key with the same id', before: two, after: releasedBy(1, first, { ...third, id: second.id, publicKey: { ...third.publicKey, id: second.id } }), kept: false },
    { why: 'the root before is not known', before: null, after: two, kept: false },
  ]; // prettier-ignore
  for (const { why, before, after, kept } of rows) {
    const next = underRoot(memory, before, { ...after, version: 2 }, NOW);
    t.same(next.floors, kept ? memory.floors : {}, why);
    t.equal(next.issued, undefined, 'the time is forgotten with any of them');
    t.equal(next.root_since, '2026-01-01T00:00:00Z');
  }
  t.equal(underRoot(memory, two, { ...two, version: 1 }, NOW), memory);
  t.end();
});

t.test('under a new pin nothing counts but serials, which are held against keys', (t) => {
  const pointers = { 'quantix-os/stable': { serial: 3, sha256: 'a'.repeat(64) } };
  t.same(underPin({ ...memory, pointers }, { ...root, version: 4 }), {
    root_version: 4,
    pointers,
    floors: {},
  });
  t.end();
});
