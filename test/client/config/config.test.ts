import t from 'tap';
import { type ConfigSources, resolveConfig } from '../../../client/config/config.ts';
import type { ConfigFile } from '../../../client/config/schema.ts';
import { DAYS } from '../../../client/policy/window.ts';
import { refusal } from '../../support/refusal.ts';

const FILE = '/quantix/update.toml';

function sources(changes: Partial<ConfigSources> = {}): ConfigSources {
  const base = { root: '/', configFile: undefined, flags: {}, env: {} };
  return { ...base, machine: 'x86_64', ...changes };
}

const LEAST: ConfigFile = { url: 'https://updates.example.com', product: 'quantix-os' };

t.test(
  'flags go before variables, variables before the file, the file before defaults',
  (t) => {
    const file: ConfigFile = { ...LEAST, channel: 'beta' };
    const env = { QX_UPDATE_CHANNEL: 'dev' };
    const flags: ConfigFile = { channel: 'nightly' };
    const channel = (changes: Partial<ConfigSources>, inFile = file) =>
      resolveConfig(sources(changes), FILE, inFile);
    t.match(channel({ flags, env }), {
      channel: 'nightly',
      origins: { channel: 'flag' },
    });
    t.match(channel({ env }), { channel: 'dev', origins: { channel: 'environment' } });
    t.match(channel({}), { channel: 'beta', origins: { channel: 'file' } });
    const fallback = channel({}, LEAST);
    t.equal(fallback.channel, 'stable');
    t.notOk('channel' in fallback.origins);
    t.end();
  },
);

t.test('a variable that is empty counts as none', (t) => {
  const env = { QX_UPDATE_CHANNEL: '' };
  t.equal(resolveConfig(sources({ env }), FILE, LEAST).channel, 'stable');
  t.end();
});

t.test('the stronger of url and mirrors counts, whichever it is', (t) => {
  const mirrors = ['https://a.example', 'https://b.example/'];
  const file: ConfigFile = { product: 'quantix-os', mirrors };
  const inFile = resolveConfig(sources(), FILE, file).mirrors;
  t.same(inFile, ['https://a.example', 'https://b.example'], 'without the last slash');
  const flags = { url: 'https://c.example' };
  t.same(resolveConfig(sources({ flags }), FILE, file).mirrors, ['https://c.example']);
  const env = { QX_UPDATE_MIRRORS: 'https://d.example, https://e.example' };
  t.same(resolveConfig(sources({ env }), FILE, LEAST).mirrors, [
    'https://d.example',
    'https://e.example',
  ]);
  t.end();
});

t.test('one place that is named twice is asked once', (t) => {
  const mirrors = ['https://a.example', 'https://a.example/'];
  const { mirrors: found } = resolveConfig(sources(), FILE, { ...LEAST, mirrors });
  t.same(found, ['https://updates.example.com', 'https://a.example']);
  t.end();
});

t.test('the profile follows the product, unless one is named', (t) => {
  const profile = (file: ConfigFile) => resolveConfig(sources(), FILE, file).profile.name;
  t.equal(profile(LEAST), 'quantix-os');
  t.equal(profile({ ...LEAST, product: 'quantix-vdc' }), 'quantix-vdc');
  t.equal(profile({ ...LEAST, product: 'toaster' }), 'generic');
  t.equal(profile({ ...LEAST, profile: 'quantix-vdc' }), 'quantix-vdc');
  t.end();
});

t.test('a product without a profile may install nothing until it is allowed', (t) => {
  const config = resolveConfig(sources(), FILE, { ...LEAST, product: 'toaster' });
  t.same([config.allowPaths, config.allowServices], [[], []]);
  t.end();
});

t.test('with --root every path of the host lies below it, and no URL', (t) => {
  const file = { ...LEAST, url: 'file:///media/usb/public', ca_file: '/etc/ca.pem' };
  const config = resolveConfig(sources({ root: '/tmp/box' }), FILE, file);
  t.match(config, {
    root: '/tmp/box',
    mirrors: ['file:///media/usb/public'],
    trustRoot: '/tmp/box/quantix/root.json',
    stateDir: '/tmp/box/data/updates',
    componentsDir: '/tmp/box/data/components',
    logFile: '/tmp/box/data/updates/update.log',
    caFile: '/tmp/box/etc/ca.pem',
    clientCert: undefined,
  });
  t.equal(config.allowPaths[0], '/data/bin/qx-node', 'what a manifest says stays');
  t.end();
});

t.test('what is missing is named, with the variable that would set it', (t) => {
  for (const [key, file] of [
    ['product', { url: LEAST.url ?? '' }],
    ['url', { product: 'quantix-os' }],
  ] as const) {
    const error = refusal(() => resolveConfig(sources(), FILE, file));
    t.match(error, { code: 'config', where: FILE, exitCode: 78 });
    t.match(error.message, `the key "${key}" is missing`);
    t.match(error.hint, `QX_UPDATE_${key.toUpperCase()}`);
  }
  t.match(
    refusal(() => resolveConfig(sources(), null, {})).where,
    /no configuration file/,
  );
  t.end();
});

t.test('durations become milliseconds, and a bandwidth bytes per second', (t) => {
  const config = resolveConfig(sources(), FILE, {
    ...LEAST,
    connect_timeout: '2m',
    stall_timeout: '1h',
    bandwidth_limit: '2M',
  });
  t.match(config, { connectTimeoutMs: 120_000, stallTimeoutMs: 3_600_000 });
  t.equal(config.bandwidthLimit, 2_000_000);
  t.equal(resolveConfig(sources(), FILE, LEAST).bandwidthLimit, null);
  t.end();
});

t.test('a window is open every day in UTC unless it says otherwise', (t) => {
  const night = { from: '02:00', to: '04:00' };
  const berlin = { ...night, days: ['sat' as const], zone: 'Europe/Berlin' };
  const { windows } = resolveConfig(sources(), FILE, {
    ...LEAST,
    windows: [night, berlin],
  });
  t.same(windows, [{ ...night, days: DAYS, zone: 'UTC' }, berlin]);
  t.same(resolveConfig(sources(), FILE, LEAST).windows, []);
  t.end();
});
