import t from 'tap';
import {
  encodeManifest,
  modeOf,
  parseManifest,
} from '../../../client/format/manifest.ts';
import { accepted, acceptedNames, edited, refused } from '../../support/documents.ts';
import { refusal, refusesAll } from '../../support/refusal.ts';

t.test('a canonical manifest is written as it was read', (t) => {
  for (const name of acceptedNames('manifest')) {
    t.strictSame(encodeManifest(parseManifest(accepted(name))), accepted(name), name);
  }
  t.end();
});

t.test('white space, other order and unknown fields change nothing', (t) => {
  const text = accepted('manifest-full').toString();
  const document = JSON.parse(text) as Record<string, unknown>;
  const edits = [
    JSON.stringify(document),
    text.replaceAll('\n', '\r\n\t'),
    JSON.stringify(Object.fromEntries(Object.entries(document).reverse())),
    JSON.stringify({ ...document, channel: 'stable' }),
    text.replaceAll('"sha256"', '"note": {"sha256": 1}, "sha256"'),
    text.replaceAll('"install_path"', '"install_mode": "later", "install_path"'),
  ];
  for (const edit of edits) {
    t.not(edit, text);
    t.strictSame(parseManifest(Buffer.from(edit)), parseManifest(Buffer.from(text)));
  }
  t.end();
});

t.test('a health check of a type that is not known here is kept as it is', (t) => {
  const checks = parseManifest(accepted('manifest-full')).components[0]?.health ?? [];
  t.strictSame(checks.at(-1), {
    type: 'grpc',
    service_name: 'Health',
    expect: { status: [1, 2] },
  });
  t.end();
});

t.test('a mode that is not said is 0644 for a file and 0755 for a folder', (t) => {
  const full = parseManifest(accepted('manifest-full'));
  const hello = parseManifest(accepted('manifest-component'));
  const modes = [...full.components, ...hello.components].map(modeOf);
  t.strictSame(modes, [0o755, 0o755, 0o644]);
  t.end();
});

t.test('what a manifest must not say', (t) => {
  refusesAll(t, parseManifest, refused('manifest'));
});

const [hello] = parseManifest(accepted('manifest-component')).components;

const TOO_MANY: [reason: string, set: Record<string, unknown>, expected: string][] = [
  ['257 components', { components: Array(257).fill(hello) }, 'at most 256 entries'],
  [
    '65 sources',
    { 'components.0.sources': Array(65).fill(hello?.sources[0]) },
    'at most 64 entries',
  ],
  ['notes of 65,537 characters', { release_notes: 'a'.repeat(65_537) }, '<=65536'],
];

t.test('a manifest of too many or too long things is refused', (t) => {
  for (const [reason, set, expected] of TOO_MANY) {
    const error = refusal(() => parseManifest(edited('manifest-component', { set })));
    t.equal(error.expected, expected, reason);
  }
  const set = { padding: 'a'.repeat(1024 * 1024) };
  const error = refusal(() => parseManifest(edited('manifest-component', { set })));
  t.equal(error.message, 'manifest: larger than 1048576 bytes');
  t.end();
});

t.test('paths that only begin alike do not overlap', (t) => {
  const set = {
    'components.1': { ...hello, name: 'b', install_path: '/opt/hello-2' },
    'components.2': { ...hello, name: 'c', install_path: '/opt/hello.d/x' },
  };
  const manifest = parseManifest(edited('manifest-component', { set }));
  t.equal(manifest.components.length, 3);
  t.end();
});

t.test('a system image alone is a release', (t) => {
  const bytes = edited('manifest-full', { set: { components: [] } });
  t.equal(parseManifest(bytes).components.length, 0);
  t.end();
});
