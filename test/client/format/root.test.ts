import t from 'tap';
import {
  channelRole,
  encodeRoot,
  keysOfRole,
  parseRoot,
} from '../../../client/format/root.ts';
import { accepted, acceptedNames, edited, refused } from '../../support/documents.ts';
import { refusal, refusesAll } from '../../support/refusal.ts';

t.test('a canonical root is written as it was read', (t) => {
  for (const name of acceptedNames('root')) {
    t.strictSame(encodeRoot(parseRoot(accepted(name))), accepted(name), name);
  }
  t.end();
});

t.test('white space, other order and unknown fields change nothing', (t) => {
  const document = JSON.parse(accepted('root-full').toString()) as Record<string, object>;
  const turned = Object.entries(document).map(([key, part]) =>
    ['keys', 'roles', 'floors'].includes(key)
      ? [key, Object.fromEntries(Object.entries(part).reverse())]
      : [key, part],
  );
  const reversed = Object.fromEntries(turned.reverse()) as object;
  for (const edit of [document, reversed, { ...document, note: [1] }]) {
    const parsed = parseRoot(Buffer.from(JSON.stringify(edit, null, 1)));
    t.strictSame(parsed, parseRoot(accepted('root-full')));
    t.strictSame(encodeRoot(parsed), accepted('root-full'));
  }
  t.end();
});

t.test('a channel is signed by its own role where the root has one', (t) => {
  const root = parseRoot(accepted('root-full'));
  t.equal(channelRole(root, 'stable'), 'channel/stable');
  t.equal(channelRole(root, 'dev'), 'channel');
  t.equal(channelRole(parseRoot(accepted('root-minimal')), 'stable'), 'channel');
  t.end();
});

t.test('the keys of a role come with the ids that minisign prints', (t) => {
  const root = parseRoot(accepted('root-full'));
  const ids = keysOfRole(root, { keys: ['008EBF2D4327D414'], threshold: 1 }).map(
    (key) => key.id,
  );
  t.strictSame(ids, ['008EBF2D4327D414']);
  t.end();
});

t.test('what a root must not say', (t) => {
  refusesAll(t, parseRoot, refused('root'));
});

t.test('a root of too many keys or bytes is refused', (t) => {
  const ids = Array.from({ length: 65 }, (_, index) => String(index).padStart(16, '0'));
  const keys = Object.fromEntries(ids.map((id) => [id, `RW${'A'.repeat(54)}`]));
  const many = refusal(() => parseRoot(edited('root-minimal', { set: { keys } })));
  t.equal(many.expected, 'at most 64 entries');
  const padding = 'a'.repeat(65_536);
  const long = refusal(() => parseRoot(edited('root-minimal', { set: { padding } })));
  t.equal(long.message, 'root: larger than 65536 bytes');
  t.end();
});
