import fs from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { stringify } from 'smol-toml';
import { editConfig } from '../../../client/config/edit.ts';
import { parseConfigFile, parseValue } from '../../../client/config/load.ts';
import { importOlder } from '../../../client/config/older-config.ts';
import type { ConfigKey } from '../../../client/config/schema.ts';
import { parseReleaseFile } from '../../../generator/release/release-toml.ts';
import { parseWorkspaceConfig } from '../../../generator/workspace/config.ts';
import { presetConfig } from '../../../generator/workspace/preset.ts';
import { mutateBytes, mutateLines, pick } from '../../support/mutate.ts';
import type { Chance } from '../../support/seeded.ts';
import { ROOT } from '../../support/setup.mjs';
import { Fault, type Target } from '../engine.ts';

const EXAMPLE = fs.readFileSync(
  path.join(ROOT, 'overlay/etc/quantix/update.toml.example'),
);
/** The same with all that it comments out. */
const FULL = Buffer.from(EXAMPLE.toString().replace(/^# ?(?=[a-z_]+ = |\[)/gm, ''));
const SHORT = Buffer.from(`url = 'https://a.example/x'
mirrors = [
  "https://b.example",   # the first
  "file:///media/usb",
]
product = "quantix-os"
keep = 3
auto_apply = true
bandwidth_limit = 1_000_000

[facts]
quantix-vdc = "1.2.3"
[[windows]]
days = ["mon", "sun"]
from = "02:00"
to = "04:00"
`);
const REPOSITORY = Buffer.from(presetConfig('test'));
const RELEASE = Buffer.from(`product = "quantix-os"
version = "1.4.2"
notes = """
two
lines"""
dependencies = [{ product = "quantix-vdc", min_version = "1.0.0" }]

[components.agent]
path = "build/agent"
kind = "file"
install_path = "/data/bin/agent"
permissions = "0755"
order = 3
health = [{ type = "tcp", port = 80 }]

[image]
path = "image.raw"
components = { qx-node = "1.0.0" }

[[attachments]]
name = "sbom.json"
path = "sbom.json"
`);
const TOML = [EXAMPLE, FULL, SHORT, REPOSITORY, RELEASE];

/** Pieces of TOML that readers are known to stumble over. */
const PIECES = [
  ...['[a]\n', '[[a]]\n', 'a.b.c = 1\n', '"" = 1\n', '__proto__ = 1\n', '[__proto__]\n'],
  ...[
    'constructor = {}\n',
    'a = {b = {c = [',
    '"""',
    "'''",
    '\\u0000',
    '\\UFFFFFFFF',
    '\\',
  ],
  ...['1979-05-27T07:32:00Z', '0x7fffffffffffffff', '9223372036854775808', 'inf', '-nan'],
  ...['1e999', '[['.repeat(300), '{a='.repeat(300), '\ufeff', '\r', '# \0', '= ', '1_0'],
].map((text) => Buffer.from(text));

function mutateText(chance: Chance, originals: readonly Buffer[]): Buffer {
  const text = pick(chance, originals);
  const donor = pick(chance, chance.below(3) === 0 ? PIECES : TOML);
  return pick(chance, [mutateBytes, mutateLines, mutateLines])(chance, text, donor);
}

/** What is taken says the same after it was written and read again. */
function tomlTarget(
  name: string,
  originals: readonly Buffer[],
  read: (bytes: Buffer) => object,
): Target {
  return {
    name,
    codes: ['config'],
    make: (chance) => mutateText(chance, originals),
    judge: (input) => {
      const values = read(input);
      const again = read(Buffer.from(stringify(values)));
      if (!isDeepStrictEqual(again, values)) throw new Fault('is written as another');
    },
  };
}

const readConfig = (bytes: Buffer): object =>
  parseConfigFile(bytes.toString(), 'update.toml');

const SETTINGS: readonly (readonly [ConfigKey, string])[] = [
  ['url', 'https://c.example'],
  ['mirrors', 'https://d.example,file:///e'],
  ['keep', '7'],
  ['auto_apply', 'false'],
  ['channel', 'beta'],
  ['product', 'other'],
];

/** One key is set in a file: it says that afterwards, and everything else as before. */
const configSet: Target = {
  name: 'config-set',
  codes: ['config'],
  make: (chance) => mutateText(chance, [EXAMPLE, FULL, SHORT]),
  judge: (input) => {
    const text = input.toString();
    const before = parseConfigFile(text, 'update.toml');
    const [key, value] = SETTINGS[input.length % SETTINGS.length] ?? ['keep', '7'];
    const after = parseConfigFile(
      editConfig(text, key, value, 'update.toml'),
      'update.toml',
    );
    if (!isDeepStrictEqual(after, { ...before, [key]: parseValue(key, value) }))
      throw new Fault(`setting ${key} changed something else`);
  },
};

const OLDER = [
  `node:
  name: a
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
  max_backups: 5
other: 1
`,
  `updates:
  server_url: https://a.example
  storage_location: volume
  volume_path: /mnt/disk
  max_backups: 500
  enabled: false
`,
].map((text) => Buffer.from(text));
const YAML = [
  '? ',
  '- a',
  '&a b',
  '*a',
  '|',
  '>',
  '{',
  '\t',
  '---',
  '...',
  '!!x',
  "''",
  '%',
];

const olderYaml: Target = {
  name: 'older-yaml',
  codes: ['config'],
  make: (chance) => {
    const donor = Buffer.from(pick(chance, YAML));
    const mutate = pick(chance, [mutateBytes, mutateLines]);
    const given = chance.below(2) === 0 ? donor : pick(chance, OLDER);
    return mutate(chance, pick(chance, OLDER), given);
  },
  judge: (input) => {
    const options = { path: 'node.yaml', product: 'quantix-os', url: undefined };
    const { values, text } = importOlder(input.toString(), options);
    if (!isDeepStrictEqual(parseConfigFile(text, 'update.toml'), values))
      throw new Fault('is written as another');
  },
};

export const configurationTargets: readonly Target[] = [
  tomlTarget('update-toml', [EXAMPLE, FULL, SHORT], readConfig),
  configSet,
  olderYaml,
  tomlTarget('repository-toml', [REPOSITORY], (bytes) =>
    parseWorkspaceConfig(bytes, 'quantix-repo.toml'),
  ),
  tomlTarget('release-toml', [RELEASE], (bytes) =>
    parseReleaseFile(bytes, 'release.toml'),
  ),
];
