import t from 'tap';
import { parse } from 'yaml';
import { parseConfigFile } from '../../../client/config/load.ts';
import { importOlder } from '../../../client/config/older-config.ts';
import { readUpdatesSection } from '../../../client/config/older-yaml.ts';
import { refusal } from '../../support/refusal.ts';

const PATH = '/etc/limiquantix/node.yaml';

/** As an installation has it: other sections, comments, one more `updates:` that is not the section. */
const NODE = `# Quantix node daemon
node:
  labels: {zone: "a", rack: [1, 2]}
  motd: |
    updates:
      enabled: no
server:
  listen_address: "0.0.0.0:9090"
  http: {enabled: true, updates: {channel: x}}

# OTA
updates:
  # Enable OTA
  enabled: true
  server_url: "http://192.168.0.251:9000"   # the server

  channel: 'beta'
  check_interval: 30m # often
  auto_apply: false
  auto_reboot: True
  storage_location: local
  volume_path:
  staging_dir: "/data/updates/staging"
  backup_dir: /data/updates/backup
  max_backups: 5
  colour: it''s #1
logging:
\tlevel: odd, and none of our business
`;

const read = (text: string) => readUpdatesSection(text, PATH);
const values = (text: string) =>
  Object.fromEntries([...(read(text) ?? [])].map(([key, { value }]) => [key, value]));
const make = (text: string, more = {}) =>
  importOlder(text, { path: PATH, product: 'quantix-os', url: undefined, ...more });

t.test('the section is read as a YAML library reads it', (t) => {
  const texts = [
    NODE.replace(/logging:[^]*/, ''),
    NODE.replace(/logging:[^]*/, '').replaceAll('\n', '\r\n'),
    '---\n"updates":\n    a: 1\n    b: -2\n    c: 007x\n    d: "x \\" # y"\n    e: \'a\'\'b\' # c\n',
    'updates: # all defaults\nother: 1\n',
    "updates:\n  'k': http://x/#frag\n  l: a # b # c\n  m: ~\n  n: null\n  o: 'true'\n  p: \"1\"\n",
    'updates:\n  a: 1\n...\n',
  ];
  for (const text of texts) {
    const wanted =
      (parse(text) as { updates: Record<string, unknown> | null }).updates ?? {};
    const given = Object.entries(wanted).filter(([, value]) => value !== null);
    t.same(values(text), Object.fromEntries(given), text.slice(0, 40));
  }
  t.equal(read('other:\n  updates:\n    a: 1\n'), null, 'a section of another section');
  t.equal(read(NODE)?.get('channel')?.line, 17);
  t.end();
});

t.test('what this does not read is refused with its line', (t) => {
  const cases: [text: string, line: number, message: RegExp][] = [
    ['updates:\n\tenabled: true\n', 2, /a tab/],
    ['updates:\n  a: 1\n \tb: 2\n', 3, /a tab/],
    ['updates:\n  a: 1\n    b: 2\n', 3, /another indentation/],
    ['updates:\n    a: 1\n  b: 2\n', 3, /another indentation/],
    ['updates:\n  a: 1\n  a: 2\n', 3, /stands twice/],
    ['updates:\n  a:\n  a: 2\n', 3, /stands twice/],
    ['updates:\n  a: 1\nupdates:\n  b: 1\n', 3, /stands twice/],
    ['updates:\n  a: "x\n  y"\n', 2, /a quote/],
    ["updates:\n  a: 'x' y\n", 2, /a quote/],
    ['updates:\n  a: "\\x41"\n', 2, /an escape/],
    ['updates:\n  a: |\n    x\n', 2, /more YAML/],
    ['updates:\n  a: *anchor\n', 2, /more YAML/],
    ['updates:\n  a: [1, 2]\n', 2, /more YAML/],
    ['updates:\n  a: {b: 1}\n', 2, /more YAML/],
    ['updates:\n  a: b: c\n', 2, /more YAML/],
    ['updates:\n  a: !!str 1\n', 2, /more YAML/],
    ['updates:\n  nonsense\n', 2, /not a key/],
    ['updates:\n  a:1\n', 2, /not a key/],
    ['updates:\n- a: 1\n', 2, /not a key/],
    ['updates: {enabled: true}\n', 1, /no list of lines/],
    ['updates: &x\n  a: 1\n', 1, /no list of lines/],
    ['updates:\n  a: 1\n---\nupdates:\n  a: 2\n', 3, /a second document/],
  ];
  for (const [text, line, message] of cases) {
    const error = refusal(() => read(text));
    t.match(
      error,
      { code: 'config', message, where: `${PATH}:${line}` },
      JSON.stringify(text),
    );
  }
  t.end();
});

t.test('every setting is carried over, or named with the reason', (t) => {
  const { values, text, notCarried, changed } = make(NODE);
  t.same(values, {
    url: 'http://192.168.0.251:9000',
    product: 'quantix-os',
    channel: 'beta',
    check_interval: '30m',
    auto_apply: false,
    auto_reboot: true,
    keep: 5,
  });
  t.same(parseConfigFile(text, 'update.toml'), values);
  t.same(
    notCarried.map(({ key }) => key),
    ['staging_dir', 'backup_dir', 'colour'],
  );
  t.match(changed, [{ key: 'auto_reboot', why: /never acted on it/ }]);
  t.end();
});

t.test('what the older client took for granted is said', (t) => {
  t.match(make('updates:\n  server_url: http://a\n').values, { channel: 'dev' });
  t.match(make('updates:\n', { url: 'https://b/' }).values, { url: 'https://b/' });
  const off = make(
    'updates:\n  enabled: false\n  server_url: http://a\n  auto_apply: true\n',
  );
  t.equal(off.values.auto_apply, false, 'what was switched off installs nothing');
  t.match(off.notCarried, [{ key: 'enabled', why: /hold/ }]);
  const volume = 'updates:\n  server_url: http://a\n  storage_location: volume\n';
  const onVolume = make(`${volume}  volume_path: /mnt/updates\n  max_backups: 0\n`);
  t.match(onVolume.values, { storage: '/mnt/updates/components', keep: 1 });
  t.same(
    onVolume.changed.map(({ key }) => key),
    ['volume_path', 'max_backups'],
  );
  t.match(
    refusal(() => make(volume)),
    { code: 'config', message: 'volume_path does not fit' },
  );
  const unused = make('updates:\n  server_url: http://a\n  volume_path: /mnt/x\n');
  t.match(unused.notCarried, [{ key: 'volume_path' }]);
  for (const interval of ['30s', '5m', '1h', '1d'])
    t.equal(
      make(`updates:\n  server_url: http://a\n  check_interval: ${interval}\n`).values
        .check_interval,
      interval,
    );
  t.end();
});

t.test('a value that does not fit is refused with its line', (t) => {
  const cases = [
    'server_url: ftp://a',
    'server_url: 5',
    'channel: "No Channel"',
    'check_interval: 1 hour',
    'check_interval: 60',
    'auto_apply: yes',
    'auto_reboot: "true"',
    'enabled: 1',
    'storage_location: nfs',
    'volume_path: relative/path',
    'max_backups: -1',
    'max_backups: many',
  ];
  for (const line of cases) {
    const rest = line.startsWith('server_url') ? '' : '  server_url: http://a\n';
    const error = refusal(() => make(`updates:\n  ${line}\n${rest}`));
    t.match(error, { code: 'config', where: `${PATH}:2` }, line);
  }
  t.match(
    refusal(() => make('updates:\n')),
    { message: 'server_url does not fit' },
  );
  t.match(
    refusal(() => make('other: 1\n')),
    { message: /no updates: section/ },
  );
  t.end();
});
