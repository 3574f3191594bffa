import { posix } from 'node:path';
import type { Effects } from '../effects/effects.ts';
import { QxError } from '../format/error.ts';
import { refuseForeignHands } from './foreign-hands.ts';
import { belowRoot, configFromEnvironment, loadConfigFile } from './load.ts';
import { DAYS, type Window } from '../policy/window.ts';
import { type Profile, PROFILES } from './profiles.ts';
import {
  bytesPerSecond,
  type ConfigFile,
  type ConfigKey,
  durationMs,
  type NotifyKeys,
  type ServeKeys,
} from './schema.ts';

export type Origin = 'flag' | 'environment' | 'file' | 'profile' | 'default';

/** The settings of one run, complete. Paths are real ones: --root is in them already. */
export interface Config {
  /** The file they came from, if any. */
  file: string | null;
  root: string;
  mirrors: string[];
  /** --from: the tree lies on a medium that a person brought here. */
  medium: boolean;
  product: string;
  channel: string;
  profile: Profile;
  trustRoot: string;
  stateDir: string;
  componentsDir: string;
  /** `<component>.version` for readers of the older layout; null where nobody reads them. */
  versionsDir: string | null;
  logFile: string;
  arch: string;
  compatible: string;
  allowPaths: readonly string[];
  allowServices: readonly string[];
  autoApply: boolean;
  /** Restart the machine when a system image waits for it. */
  autoReboot: boolean;
  /** Null for GRUB's own; a path is one plain file, for a sandbox or another boot loader. */
  bootEnvironment: string | null;
  /** Generations that are kept. */
  keep: number;
  /** `openrc`, `systemd`, `none`, or the path of a program. */
  serviceManager: string;
  /** The host's own hooks, by phase, and commands that health checks may name. */
  hooksDir: string;
  /** After that a hook is ended with all that it started. */
  hookTimeoutMs: number;
  /** Bytes per second of all that is fetched; null is no limit. */
  bandwidthLimit: number | null;
  facts: Readonly<Record<string, string>>;
  /** How often `run` asks, and how far hosts are spread behind that. */
  checkIntervalMs: number;
  splayMs: number;
  /** When this host may be changed; none is always. */
  windows: readonly Window[];
  /** What rollouts may name this host by. */
  groups: readonly string[];
  /** Who this host is, for rollouts and splays. */
  hostIdFile: string;
  connectTimeoutMs: number;
  stallTimeoutMs: number;
  retries: number;
  caFile: string | undefined;
  clientCert: string | undefined;
  clientKey: string | undefined;
  authorizationFile: string | undefined;
  /** As they stand in the file; paths are real ones. */
  serve: ServeKeys;
  /** The same of who is told how a run ended. */
  notify: NotifyKeys;
  /** Where each key's value came from. */
  origins: Readonly<Partial<Record<ConfigKey, Origin>>>;
}

export interface ConfigSources {
  root: string;
  configFile: string | undefined;
  flags: ConfigFile;
  medium?: boolean;
  env: Record<string, string | undefined>;
  /** The architecture that this program runs on, in the words of uname -m. */
  machine: string;
}

/**
 * Flags, then environment, then file, then defaults. QxError `config` for what is missing or does not fit, and for
 * what others could change of all that this host goes by.
 */
export async function loadConfig(
  effects: Effects,
  sources: ConfigSources,
): Promise<Config> {
  const { files } = effects;
  const file = await loadConfigFile(files, sources.root, sources.configFile);
  const config = resolveConfig(sources, file?.path ?? null, file?.values ?? {});
  await refuseForeignHands(files, sources.root, goesBy(config));
  return config;
}

export function resolveConfig(
  sources: ConfigSources,
  file: string | null,
  inFile: ConfigFile,
): Config {
  const environment = configFromEnvironment(sources.env);
  const { values, origins } = merge(sources.flags, environment, inFile);
  const product = required(values.product, 'product', file);
  const profile = profileFor(values.profile ?? product);
  const real = (path: string): string => belowRoot(sources.root, path);
  const optional = (path: string | undefined): string | undefined =>
    path === undefined ? undefined : real(path);
  const stateDir = real(values.state_dir ?? profile.stateDir);
  return {
    file,
    root: sources.root,
    mirrors: mirrorsOf(values, file),
    medium: sources.medium ?? false,
    product,
    channel: values.channel ?? 'stable',
    profile,
    trustRoot: real(values.trust_root ?? posix.join(profile.configDir, 'root.json')),
    stateDir,
    componentsDir: real(values.storage ?? profile.componentsDir),
    versionsDir: profile.versionsDir === null ? null : real(profile.versionsDir),
    logFile: real(values.log ?? posix.join(stateDir, 'update.log')),
    arch: values.arch ?? sources.machine,
    compatible: values.compatible ?? product,
    allowPaths: values.allow_paths ?? profile.allowPaths,
    allowServices: values.allow_services ?? profile.allowServices,
    autoApply: values.auto_apply ?? false,
    autoReboot: values.auto_reboot ?? false,
    bootEnvironment: bootEnvironmentOf(values, sources.root),
    keep: values.keep ?? 3,
    serviceManager: serviceManagerOf(values, sources.root),
    hooksDir: real(posix.join(profile.configDir, 'update/hooks.d')),
    hookTimeoutMs: durationMs(values.hook_timeout ?? '30m'),
    bandwidthLimit:
      values.bandwidth_limit === undefined
        ? null
        : bytesPerSecond(values.bandwidth_limit),
    facts: values.facts ?? {},
    ...scheduleOf(values, sources.root),
    windows: windowsOf(values),
    groups: values.groups ?? [],
    hostIdFile: real(posix.join(profile.configDir, 'host-id.json')),
    connectTimeoutMs: durationMs(values.connect_timeout ?? '10s'),
    stallTimeoutMs: durationMs(values.stall_timeout ?? '30s'),
    retries: values.retries ?? 3,
    caFile: optional(values.ca_file),
    clientCert: optional(values.client_cert),
    clientKey: optional(values.client_key),
    authorizationFile: optional(values.authorization_file),
    serve: serveKeys(values.serve ?? {}, real),
    notify: notifyKeys(values.notify ?? {}, real),
    origins,
  };
}

/** Whoever writes there decides what this host runs, or whom it believes, or what it shows to whom. */
function goesBy(config: Config): string[] {
  const { trustRoot, stateDir, componentsDir, hooksDir, hostIdFile } = config;
  const { caFile, clientCert, clientKey, authorizationFile, bootEnvironment } = config;
  const program = posix.isAbsolute(config.serviceManager) ? config.serviceManager : null;
  const shown = [caFile, clientCert, clientKey, authorizationFile];
  return [
    ...[trustRoot, stateDir, componentsDir, hooksDir, hostIdFile],
    ...[...shown, bootEnvironment, program].filter((path) => typeof path === 'string'),
  ];
}

function merge(
  flags: ConfigFile,
  environment: ConfigFile,
  file: ConfigFile,
): { values: ConfigFile; origins: Partial<Record<ConfigKey, Origin>> } {
  const layers: [Origin, ConfigFile][] = [
    ['file', file],
    ['environment', environment],
    ['flag', flags],
  ];
  const values: ConfigFile = {};
  const origins: Partial<Record<ConfigKey, Origin>> = {};
  for (const [origin, layer] of layers) {
    // `url` and `mirrors` are two ways to say one thing: the stronger layer's way counts.
    if (layer.url !== undefined || layer.mirrors !== undefined) {
      delete values.url;
      delete values.mirrors;
    }
    Object.assign(values, layer);
    for (const key of Object.keys(layer) as ConfigKey[]) origins[key] = origin;
  }
  return { values, origins };
}

function mirrorsOf(values: ConfigFile, file: string | null): string[] {
  const listed = [
    ...(values.url === undefined ? [] : [values.url]),
    ...(values.mirrors ?? []),
  ];
  if (listed.length === 0) required(undefined, 'url', file);
  return [...new Set(listed.map((url) => url.replace(/\/+$/, '')))];
}

function required(value: string | undefined, key: string, file: string | null): string {
  if (value !== undefined) return value;
  throw new QxError('config', `the key "${key}" is missing`, {
    where: file ?? 'no configuration file was found',
    hint: `write ${key} = "…" into update.toml, or set QX_UPDATE_${key.toUpperCase()}`,
  });
}

function profileFor(nameOrProduct: string): Profile {
  const profile = PROFILES[nameOrProduct] ?? PROFILES.generic;
  if (profile === undefined) throw new QxError('defect', 'there is no generic profile');
  return profile;
}

/** In a sandbox, services of the real machine are none of our business unless somebody says so. */
function serviceManagerOf({ service_manager: named }: ConfigFile, root: string): string {
  if (named === undefined) return root === '/' ? 'openrc' : 'none';
  return posix.isAbsolute(named) ? belowRoot(root, named) : named;
}

function serveKeys(keys: ServeKeys, real: (path: string) => string): ServeKeys {
  const paths = (['cert', 'key', 'socket', 'token_file'] as const).flatMap((name) => {
    const path = keys[name];
    return path === undefined ? [] : [[name, real(path)] as const];
  });
  return { ...keys, ...Object.fromEntries<string>(paths) };
}

function notifyKeys(keys: NotifyKeys, real: (path: string) => string): NotifyKeys {
  const { metrics_file: file } = keys;
  return file === undefined ? keys : { ...keys, metrics_file: real(file) };
}

function bootEnvironmentOf(
  { boot_environment: named = 'grub' }: ConfigFile,
  root: string,
): string | null {
  return named === 'grub' ? null : belowRoot(root, named);
}

/** A sandbox has no fleet to be spread from, and is not kept waiting. */
function scheduleOf(
  values: ConfigFile,
  root: string,
): Pick<Config, 'checkIntervalMs' | 'splayMs'> {
  const [interval, splay] = root === '/' ? ['1h', '10m'] : ['0s', '0s'];
  return {
    checkIntervalMs: durationMs(values.check_interval ?? interval),
    splayMs: durationMs(values.splay ?? splay),
  };
}

function windowsOf({ windows = [] }: ConfigFile): Window[] {
  return windows.map((window) => ({ days: DAYS, zone: 'UTC', ...window }));
}
