import * as v from 'valibot';
import { LIMITS } from '../format/limits.ts';
import { absolutePath, listOf, name, version, whole } from '../format/shapes.ts';

const url = v.pipe(
  v.string(),
  v.maxLength(2048),
  v.regex(/^(?:https?|file):\/\/\S+$/, 'a URL like "https://updates.example.com/ota"'),
);

const duration = v.pipe(
  v.string(),
  v.regex(/^\d{1,6}[smhd]$/, 'a duration like "30s", "5m", "1h" or "1d"'),
);

/** A path that may end in "/": everything below that folder. */
const allowedPath = v.pipe(
  v.string(),
  v.check(
    (text) => v.is(absolutePath, text.replace(/\/$/, '')),
    'an absolute path; "/opt/app/" allows all below',
  ),
);

const window = v.strictObject({
  days: v.exactOptional(listOf(v.string(), 7)),
  from: v.string(),
  to: v.string(),
  zone: v.exactOptional(v.string()),
});

/** Every key of update.toml; a key that is not here is an error that names the nearest one. */
export const configSchema = v.strictObject({
  url: v.exactOptional(url),
  mirrors: v.exactOptional(v.pipe(listOf(url, 32), v.minLength(1))),
  product: v.exactOptional(name),
  channel: v.exactOptional(name),
  trust_root: v.exactOptional(absolutePath),
  profile: v.exactOptional(v.picklist(['quantix-os', 'quantix-vdc', 'generic'])),
  state_dir: v.exactOptional(absolutePath),
  storage: v.exactOptional(absolutePath),
  arch: v.exactOptional(name),
  compatible: v.exactOptional(name),
  allow_paths: v.exactOptional(listOf(allowedPath, LIMITS.components)),
  allow_services: v.exactOptional(listOf(name, LIMITS.components)),
  auto_apply: v.exactOptional(v.boolean()),
  auto_reboot: v.exactOptional(v.boolean()),
  boot_environment: v.exactOptional(v.union([v.literal('grub'), absolutePath])),
  check_interval: v.exactOptional(duration),
  splay: v.exactOptional(duration),
  windows: v.exactOptional(listOf(window, 64)),
  groups: v.exactOptional(listOf(name, 64)),
  bandwidth_limit: v.exactOptional(v.union([v.string(), whole])),
  keep: v.exactOptional(v.pipe(whole, v.minValue(1), v.maxValue(100))),
  connect_timeout: v.exactOptional(duration),
  stall_timeout: v.exactOptional(duration),
  retries: v.exactOptional(v.pipe(whole, v.maxValue(20))),
  ca_file: v.exactOptional(absolutePath),
  client_cert: v.exactOptional(absolutePath),
  client_key: v.exactOptional(absolutePath),
  authorization_file: v.exactOptional(absolutePath),
  log: v.exactOptional(absolutePath),
  service_manager: v.exactOptional(
    v.union([v.picklist(['openrc', 'systemd', 'none']), absolutePath]),
  ),
  facts: v.exactOptional(v.record(name, version)),
  serve: v.exactOptional(v.looseObject({})),
  notify: v.exactOptional(v.looseObject({})),
});

export type ConfigFile = v.InferOutput<typeof configSchema>;

export type ConfigKey = keyof ConfigFile;

export const CONFIG_KEYS = Object.keys(configSchema.entries) as ConfigKey[];

/** Keys that are read and checked today and have their effect in a later version. */
export const KEYS_WITHOUT_EFFECT: readonly ConfigKey[] = [
  'check_interval',
  'notify',
  'serve',
  'splay',
];

const UNIT_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

export function isDuration(text: string): boolean {
  return v.is(duration, text);
}

/** "30s", "5m", "1h", "1d" in milliseconds; the text must have passed the schema. */
export function durationMs(text: string): number {
  return Number(text.slice(0, -1)) * UNIT_MS[text.slice(-1) as keyof typeof UNIT_MS];
}
