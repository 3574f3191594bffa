import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import {
  belowRoot,
  configFromEnvironment,
  editDistance,
  ignoredVariables,
  loadConfigFile,
  parseConfigFile,
} from '../../../client/config/load.ts';
import { nodeFiles } from '../../../client/effects/files.ts';
import { refusal } from '../../support/refusal.ts';
import { refusalOf } from '../../support/web.ts';

const files = nodeFiles();
const PATH = '/quantix/update.toml';
const refused = (text: string) => refusal(() => parseConfigFile(text, PATH));

t.test('absolute paths are taken below --root, once', (t) => {
  for (const [root, given, found] of [
    ['/', '/quantix/update.toml', '/quantix/update.toml'],
    ['/tmp/box', '/quantix/update.toml', '/tmp/box/quantix/update.toml'],
    ['/tmp/box', '/tmp/box/quantix', '/tmp/box/quantix'],
    ['/tmp/box', '/tmp/box', '/tmp/box'],
    ['/tmp/box', '/tmp/boxes/x', '/tmp/box/tmp/boxes/x'],
  ] as const) {
    t.equal(belowRoot(root, given), found);
  }
  t.end();
});

t.test('the first default file that exists counts', async (t) => {
  const root = t.testdir({ etc: { quantix: { 'update.toml': 'channel = "beta"\n' } } });
  const second = await loadConfigFile(files, root, undefined);
  t.match(second, {
    path: `${root}/etc/quantix/update.toml`,
    values: { channel: 'beta' },
  });
  fs.mkdirSync(path.join(root, 'quantix'));
  fs.writeFileSync(path.join(root, 'quantix/update.toml'), 'channel = "dev"\n');
  const first = await loadConfigFile(files, root, undefined);
  t.match(first, { path: `${root}/quantix/update.toml`, values: { channel: 'dev' } });
});

t.test('no file is no fault, unless one was asked for', async (t) => {
  const root = t.testdir();
  t.equal(await loadConfigFile(files, root, undefined), null);
  const error = await refusalOf(loadConfigFile(files, root, '/quantix/mine.toml'));
  t.match(error, { code: 'config', where: `${root}/quantix/mine.toml` });
  t.match(error.hint, root, 'it says that --root counts');
});

t.test('a file that is named is the only one that is read', async (t) => {
  const root = t.testdir({
    quantix: { 'update.toml': 'channel = "dev"\n', 'mine.toml': 'channel = "mine"\n' },
  });
  const chosen = await loadConfigFile(files, root, '/quantix/mine.toml');
  t.equal(chosen?.values.channel, 'mine');
});

t.test(
  'a key that nobody knows is refused where it stands, and the nearest one named',
  (t) => {
    for (const [text, where, nearest] of [
      ['chanel = "beta"\n', `${PATH}:1:1`, '"channel"'],
      ['product = "x"\n\n   allow_path = []\n', `${PATH}:3:4`, '"allow_paths"'],
      ['[serve]\nlisen = "none"\n', `${PATH}:2:1`, '"listen"'],
      ['[notify]\nping_ulr = "http://a/"\n', `${PATH}:2:1`, '"ping_url"'],
      [
        'windows = [{ from = "01:00", to = "02:00", zoen = "UTC" }]\n',
        `${PATH}:1:1`,
        '"zone"',
      ],
      ['product = "x"\n[fact]\nx = 1\n', `${PATH}:2:1`, '"facts"'],
    ] as const) {
      t.match(refused(text), { code: 'config', where, expected: nearest }, text);
    }
    t.match(refused('frobnicate = 1\n').expected, /^one of url, mirrors, /);
    t.match(refused('[serve]\nurl = "none"\n').expected, /^one of listen, cert, /);
    t.end();
  },
);

t.test('a value that does not fit is refused where it stands', (t) => {
  for (const [text, where, message] of [
    ['product = "x"\nretries = "three"\n', `${PATH}:2:1`, 'retries does not fit'],
    ['retries = 21\n', `${PATH}:1:1`, 'retries does not fit'],
    ['keep = 0\n', `${PATH}:1:1`, 'keep does not fit'],
    ['url = "ftp://host/"\n', `${PATH}:1:1`, 'url does not fit'],
    ['mirrors = [\n  "https://a",\n  "b"\n]\n', `${PATH}:1:1`, 'mirrors.1 does not fit'],
    ['state_dir = "data"\n', `${PATH}:1:1`, 'state_dir does not fit'],
    ['allow_paths = ["/a/../b"]\n', `${PATH}:1:1`, 'allow_paths.0 does not fit'],
    ['bandwidth_limit = "2MB"\n', `${PATH}:1:1`, 'bandwidth_limit does not fit'],
    ['bandwidth_limit = "9k"\n', `${PATH}:1:1`, 'bandwidth_limit does not fit'],
    ['bandwidth_limit = 9999\n', `${PATH}:1:1`, 'bandwidth_limit does not fit'],
    ['bandwidth_limit = -1\n', `${PATH}:1:1`, 'bandwidth_limit does not fit'],
    ['[facts]\nquantix-vdc = "1"\n', `${PATH}:2:1`, 'facts.quantix-vdc does not fit'],
  ] as const) {
    t.match(refused(text), { code: 'config', where, message }, text);
  }
  t.end();
});

t.test('what would have fitted is said in words', (t) => {
  for (const [text, expected] of [
    ['retries = "three"\n', 'number'],
    ['retries = 21\n', '<=20'],
    ['windows = ["03:00-04:00"]\n', '{ from = "02:30", to = "04:00" }'],
    ['windows = [{ to = "04:00" }]\n', 'a value'],
  ] as const) {
    t.equal(refused(text).expected, expected, text);
  }
  t.end();
});

t.test('a window that never opens, or in no zone, is refused where it stands', (t) => {
  const first = '[[windows]]\nfrom = "02:00"\nto = "04:00"\nzone = "UTC"\n';
  for (const [
    text,
    where,
    message,
    expected,
  ] of [
    ['windows = [{ from = "2:00", to = "04:00" }]\n', `${PATH}:1:1`, /^windows\.0\.from does/, /"02:30"/],
    ['windows = [{ from = "24:00", to = "04:00" }]\n', `${PATH}:1:1`, /^windows\.0\.from does/, /before/],
    ['windows = [{ from = "02:00", to = "25:00" }]\n', `${PATH}:1:1`, /^windows\.0\.to does/, /"02:30"/],
    ['windows = [{ from = "02:00", to = "02:00" }]\n', `${PATH}:1:1`, /^windows\.0 does/, /never opens/],
    ['windows = [{ days = [], from = "02:00", to = "03:00" }]\n', `${PATH}:1:1`, /^windows\.0\.days does/, /never opens/],
    [`${first}[[windows]]\nfrom = "02:00"\nto = "03:00"\nzone = "Mars/Olympus"\n`, `${PATH}:8:1`, /^windows\.1\.zone does/, /IANA/],
    [`${first}  days = ["saturday"]\n`, `${PATH}:5:3`, /^windows\.0\.days\.0 does/, /sun, mon/],
    [`${first}day = ["sat"]\n`, `${PATH}:5:1`, /a key that/, /./],
  ] as const /* prettier-ignore */) {
    t.match(
      refused(text),
      { code: 'config', exitCode: 78, where, message, expected },
      text,
    );
  }
  t.end();
});

t.test('what is not TOML is refused by line and column', (t) => {
  const error = refused('product = "quantix-os"\nurl = https://host\n');
  t.match(error, { code: 'config', message: 'the configuration cannot be read' });
  t.match(error.where, /^\/quantix\/update\.toml:2:\d+$/);
  t.end();
});

t.test('variables have the types of their keys', (t) => {
  t.same(
    configFromEnvironment({
      QX_UPDATE_AUTO_APPLY: '1',
      QX_UPDATE_RETRIES: '0',
      QX_UPDATE_ALLOW_PATHS: '/opt/app/, /opt/tool',
      QX_UPDATE_FACTS: 'tables have no form here',
      QX_UPDATE_UNKNOWN: 'x',
      CHANNEL: 'dev',
    }),
    { auto_apply: true, retries: 0, allow_paths: ['/opt/app/', '/opt/tool'] },
  );
  t.end();
});

t.test('a variable that does not fit is named', (t) => {
  const error = refusal(() => configFromEnvironment({ QX_UPDATE_AUTO_APPLY: 'yes' }));
  t.match(error, { code: 'config', where: 'QX_UPDATE_AUTO_APPLY', found: 'yes' });
  const list = refusal(() => configFromEnvironment({ QX_UPDATE_MIRRORS: 'x,y' }));
  t.equal(list.where, 'QX_UPDATE_MIRRORS');
  t.end();
});

t.test('the distance of two words counts letters to add, drop and change', (t) => {
  for (const [a, b, steps] of [
    ['', '', 0],
    ['abc', 'abc', 0],
    ['', 'abc', 3],
    ['chanel', 'channel', 1],
    ['channnel', 'channel', 1],
    ['kitten', 'sitting', 3],
  ] as const) {
    t.equal(editDistance(a, b), steps);
    t.equal(editDistance(b, a), steps);
  }
  t.end();
});

t.test('a variable that nothing reads is named, with the one that was meant', (t) => {
  const env = {
    PATH: '/bin',
    QX_UPDATE_CHANNEL: 'beta',
    QX_UPDATE_CONFIG: '/quantix/update.toml',
    QX_UPDATE_CHANEL: 'beta',
    QX_UPDATE_FROBNICATE: '1',
    QX_UPDATE_WINDOWS: '[]',
  };
  t.match(ignoredVariables(env), [
    /^the variable QX_UPDATE_CHANEL is not read: is it QX_UPDATE_CHANNEL$/,
    /^the variable QX_UPDATE_FROBNICATE is not read: there is no such key$/,
    /^the variable QX_UPDATE_WINDOWS is not read: a table stands in update\.toml alone$/,
  ]);
  t.equal(ignoredVariables(env).length, 3);
  t.end();
});
