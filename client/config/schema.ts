import * as v from 'valibot';
import { LIMITS } from '../format/limits.ts';
import { absolutePath, listOf, name, version, whole } from '../format/shapes.ts';
import { DAYS, isZone } from '../policy/window.ts';

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

/** Below it, hosts would take us for a connection that died. */
const SLOWEST_BYTES = 10_000;

const bandwidth = v.pipe(
  v.union(
    [v.pipe(v.string(), v.regex(/^\d{1,9}[kMG]?$/)), whole],
    'bytes per second like 2000000, "500k", "2M"',
  ),
  v.check(
    (value) => bytesPerSecond(value) >= SLOWEST_BYTES,
    `${SLOWEST_BYTES} bytes per second at the least`,
  ),
);

const timeOfDay = v.pipe(
  v.string(),
  v.regex(/^(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)$/, 'a time of day like "02:30"'),
);

const window = v.pipe(
  v.strictObject(
    {
      days: v.exactOptional(
        v.pipe(
          listOf(v.picklist(DAYS, `days like "mon": ${DAYS.join(', ')}`), 7),
          v.minLength(1, 'a day at least: without one the window never opens'),
        ),
      ),
      from: v.pipe(timeOfDay, v.notValue('24:00', 'a time of day before "24:00"')),
      to: timeOfDay,
      zone: v.exactOptional(
        v.pipe(
          v.string(),
          v.check(isZone, 'a zone of the IANA database like "Europe/Berlin"'),
        ),
      ),
    },
    '{ from = "02:30", to = "04:00" }',
  ),
  v.check(
    ({ from, to }) => from !== to,
    'two times that differ: this window never opens; all day ends at "24:00"',
  ),
);

/** "127.0.0.1:8443", "[::1]:8443", or "none" for a unix socket alone. */
const listenAt = v.pipe(
  v.string(),
  v.regex(
    /^(?:none|(?:\[[\da-fA-F:.]+\]|[\w.-]+):\d{1,5})$/,
    'an address and a port like "127.0.0.1:8443", or "none"',
  ),
);

const origin = v.pipe(
  v.string(),
  v.regex(
    /^https?:\/\/(?:\[[\da-f:.]+\]|[a-z\d.-]+)(?::\d{1,5})?$/,
    'an origin as browsers send it, like "https://ui.example.com"',
  ),
);

const hostName = v.pipe(
  v.string(),
  v.regex(/^(?:\[[\da-f:.]+\]|[a-z\d.-]+)$/, 'a name like "node-7.example.com"'),
);

/** Whose words are spoken: camelCase for the host's own UI, snake_case for the vDC's dashboard. */
export const STYLES = ['host-ui', 'vdc'] as const;

/** What `serve` goes by. */
const serve = v.strictObject({
  listen: v.exactOptional(listenAt),
  cert: v.exactOptional(absolutePath),
  key: v.exactOptional(absolutePath),
  socket: v.exactOptional(absolutePath),
  socket_mode: v.exactOptional(
    v.pipe(v.string(), v.regex(/^0?[0-7]{3}$/, 'like "0660"')),
  ),
  style: v.exactOptional(v.picklist(STYLES)),
  token_file: v.exactOptional(absolutePath),
  require_token: v.exactOptional(v.boolean()),
  allowed_origins: v.exactOptional(listOf(origin, 64)),
  allowed_hosts: v.exactOptional(listOf(hostName, 64)),
  legacy_apply: v.exactOptional(v.boolean()),
});

export type ServeKeys = v.InferOutput<typeof serve>;

const webUrl = v.pipe(
  v.string(),
  v.maxLength(2048),
  v.regex(/^https?:\/\/\S+$/, 'a URL like "https://ping.example.com/host-7"'),
);

/** Who is told how a run ended. */
const notify = v.strictObject({
  ping_url: v.exactOptional(webUrl),
  ping_failure_url: v.exactOptional(webUrl),
  webhook_url: v.exactOptional(webUrl),
  metrics_file: v.exactOptional(absolutePath),
  syslog: v.exactOptional(v.boolean()),
});

export type NotifyKeys = v.InferOutput<typeof notify>;

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
  bandwidth_limit: v.exactOptional(bandwidth),
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
  hook_timeout: v.exactOptional(duration),
  facts: v.exactOptional(v.record(name, version)),
  serve: v.exactOptional(serve),
  notify: v.exactOptional(notify),
});

export type ConfigFile = v.InferOutput<typeof configSchema>;

export type ConfigKey = keyof ConfigFile;

export const CONFIG_KEYS = Object.keys(configSchema.entries) as ConfigKey[];

/** Keys of the tables; [facts] takes any. */
export const TABLES: Readonly<Record<string, readonly string[]>> = {
  windows: Object.keys(window.entries),
  serve: Object.keys(serve.entries),
  notify: Object.keys(notify.entries),
};

const UNIT_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

export function isDuration(text: string): boolean {
  return v.is(duration, text);
}

/** "30s", "5m", "1h", "1d" in milliseconds; the text must have passed the schema. */
export function durationMs(text: string): number {
  return Number(text.slice(0, -1)) * UNIT_MS[text.slice(-1) as keyof typeof UNIT_MS];
}

const SCALE = { k: 1e3, M: 1e6, G: 1e9 } as const;

/** "500k", "2M" or a number as bytes per second; the text must have passed the schema. */
export function bytesPerSecond(value: string | number): number {
  const scale = SCALE[String(value).slice(-1) as keyof typeof SCALE] ?? 1;
  return Number.parseInt(String(value), 10) * scale;
}

/** The same the other way, in the largest unit that is whole: 3,600,000 is "1h". */
export function durationText(ms: number): string {
  const units = ['d', 'h', 'm'] as const;
  const unit = units.find((each) => ms > 0 && ms % UNIT_MS[each] === 0) ?? 's';
  return `${ms / UNIT_MS[unit]}${unit}`;
}
