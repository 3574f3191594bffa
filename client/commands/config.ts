import { posix } from 'node:path';
import { importOlder } from '../config/older-config.ts';
import {
  belowRoot,
  ignoredVariables,
  loadConfigFile,
  readConfigFile,
} from '../config/load.ts';
import { editConfig } from '../config/edit.ts';
import { DEFAULT_CONFIG_FILES } from '../config/profiles.ts';
import { CONFIG_KEYS, type ConfigKey, type NotifyKeys } from '../config/schema.ts';
import { writeDurably } from '../effects/durable.ts';
import { QxError, printable } from '../format/error.ts';
import type { Config } from '../config/config.ts';
import { formatTable } from '../terminal/text.ts';
import { type Command, type Context, placed } from './command.ts';

/** The settings that count, by the key of update.toml that sets each. */
function settings(config: Config): Partial<Record<ConfigKey, unknown>> {
  return {
    mirrors: config.mirrors,
    product: config.product,
    channel: config.channel,
    profile: config.profile.name,
    trust_root: config.trustRoot,
    state_dir: config.stateDir,
    storage: config.componentsDir,
    log: config.logFile,
    arch: config.arch,
    compatible: config.compatible,
    allow_paths: config.allowPaths,
    allow_services: config.allowServices,
    auto_apply: config.autoApply,
    auto_reboot: config.autoReboot,
    boot_environment: config.bootEnvironment ?? 'grub',
    keep: config.keep,
    service_manager: config.serviceManager,
    hook_timeout: `${config.hookTimeoutMs / 1000}s`,
    connect_timeout: `${config.connectTimeoutMs / 1000}s`,
    stall_timeout: `${config.stallTimeoutMs / 1000}s`,
    retries: config.retries,
    ca_file: config.caFile,
    client_cert: config.clientCert,
    client_key: config.clientKey,
    authorization_file: config.authorizationFile,
    facts: config.facts,
    groups: config.groups,
    check_interval: `${config.checkIntervalMs / 1000}s`,
    splay: `${config.splayMs / 1000}s`,
    serve: config.origins.serve === undefined ? undefined : config.serve,
    notify: config.origins.notify === undefined ? undefined : shownNotify(config.notify),
    windows: config.windows,
    bandwidth_limit: config.bandwidthLimit ?? undefined,
  };
}

/** Addresses like these are secrets. */
function shownNotify(keys: NotifyKeys): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(keys).map(([key, value]) => [
      key,
      key.endsWith('_url') ? '(not shown)' : value,
    ]),
  );
}

export const show: Command = {
  name: 'config show',
  describe: 'Every setting, and where it came from',
  options: [
    {
      flag: 'origin',
      describe: 'Say for each whether flag, environment, file or profile set it',
    },
  ],
  examples: ['config show', 'config show --origin', 'config show --json'],
  next: ['config check', 'config set'],
  run: async (context, _args, flags) => {
    const config = await context.config();
    const values = settings(config);
    const origin = (key: ConfigKey): string =>
      config.origins[key] ??
      (key === 'mirrors' ? config.origins.url : undefined) ??
      'default';
    const rows = (Object.entries(values) as [ConfigKey, unknown][])
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [
        key,
        JSON.stringify(value),
        ...(flags.is('origin') ? [origin(key)] : []),
      ]);
    const origins = Object.fromEntries(
      Object.keys(values).map((key) => [key, origin(key as ConfigKey)]),
    );
    return {
      value: { file: config.file, settings: values, origins },
      text: `${config.file === null ? '' : `# ${config.file}\n`}${formatTable(rows)}`,
    };
  },
};

export const check: Command = {
  name: 'config check',
  describe:
    'Read the configuration as a run would, and name what is wrong by line and column',
  examples: ['config check'],
  next: ['config show', 'doctor'],
  run: async (context) => {
    const config = await context.config();
    const opened = await openedBy(config);
    for (const door of opened) context.out.warn(`[serve]: ${door}`);
    const ignored = ignoredVariables(context.env);
    for (const each of ignored) context.out.warn(each);
    return {
      value: { valid: true, file: config.file, opened, ignored },
      text: `${config.file ?? 'environment and flags'}: valid`,
    };
  },
};

/** What [serve] opens that is closed by default; nothing is loaded for a host that says nothing there. */
async function openedBy(config: Config): Promise<string[]> {
  if (config.origins.serve === undefined) return [];
  const doors = await import('../serve/doors.ts');
  return doors.openedBy(config);
}

export const set: Command = {
  name: 'config set',
  args: '<key> [value]',
  values: { key: CONFIG_KEYS },
  describe:
    'Write one key into update.toml (without a value: take it out); comments stay',
  options: [
    { flag: 'dry-run', describe: 'Print the file as it would be, and write nothing' },
  ],
  examples: [
    'config set channel beta',
    'config set auto_apply true',
    'config set mirrors https://a/,https://b/',
  ],
  next: ['config check', 'run'],
  run: async (context, [key = '', value], flags) => {
    if (flags.is('dry-run')) {
      const { path, text } = await fileToEdit(context);
      const edited = editConfig(text, key, value ?? null, path);
      return { value: { file: path, text: edited, written: false }, text: edited };
    }
    const path = await setKey(context, key, value ?? null);
    return {
      value: { file: path, key, value: value ?? null, written: true },
      text: `${path}: ${key} ${value === undefined ? 'taken out' : `set to ${value}`}`,
    };
  },
};

/** Writes one key into update.toml, or takes it out; the path of the file. */
export async function setKey(
  context: Context,
  key: string,
  value: string | null,
): Promise<string> {
  const { path, text } = await fileToEdit(context);
  const edited = editConfig(text, key, value, path);
  await context.fx.files.makeDirectory(posix.dirname(path), 0o755);
  await writeDurably(context.fx.files, path, Buffer.from(edited), 0o644);
  return path;
}

const OLDER_FILE = '/etc/limiquantix/node.yaml';

export const importFile: Command = {
  name: 'config import',
  args: '[file]',
  describe: `Make update.toml from the older client's node.yaml (${OLDER_FILE})`,
  options: [
    { flag: 'product NAME', describe: 'What this host runs (quantix-os)' },
    { flag: 'url URL', describe: 'Where the tree is, when that is not server_url' },
    { flag: 'dry-run', describe: 'Print the file as it would be, and write nothing' },
    { flag: 'force', describe: 'Overwrite an update.toml that is there' },
  ],
  examples: ['config import', `config import ${OLDER_FILE} --dry-run`],
  next: ['config check', 'doctor'],
  run: async (context, [argument = OLDER_FILE], flags) => {
    const { files } = context.fx;
    const from = placed(context, argument);
    const options = {
      path: from,
      product: flags.text('product') ?? 'quantix-os',
      url: flags.text('url'),
    };
    const imported = importOlder(await readOlder(context, from), options);
    const file = placed(context, context.configFile ?? DEFAULT_CONFIG_FILES[0]);
    const written = !flags.is('dry-run');
    if (written && !flags.is('force') && (await files.info(file)) !== null) {
      throw new QxError('config', 'there is a configuration already', {
        where: file,
        hint: '--dry-run shows what would be written, --force overwrites it',
      });
    }
    if (written) {
      await files.makeDirectory(posix.dirname(file), 0o755);
      await writeDurably(files, file, Buffer.from(imported.text), 0o644);
    }
    const { text, notCarried, changed } = imported;
    for (const { key, value, why } of notCarried)
      context.out.warn(`not carried over: ${key} = ${printable(value)}: ${why}`);
    for (const { key, value, why } of changed)
      context.out.warn(`${key} = ${printable(value)}: ${why}`);
    const value = { file, from, written, settings: imported.values, notCarried, changed };
    return {
      value: { ...value, text },
      text: written ? `${file}: written` : text.trimEnd(),
    };
  },
};

async function readOlder({ fx }: Context, path: string): Promise<string> {
  const bytes = await readConfigFile(fx.files, path);
  if (bytes !== null) return bytes.toString('utf8');
  throw new QxError('config', 'no such file', { where: path });
}

async function fileToEdit({
  fx,
  root,
  configFile,
}: Context): Promise<{ path: string; text: string }> {
  const loaded = await loadConfigFile(fx.files, root, configFile);
  if (loaded !== null) return loaded;
  return { path: belowRoot(root, DEFAULT_CONFIG_FILES[0]), text: '' };
}
