import { posix } from 'node:path';
import { belowRoot, loadConfigFile } from '../config/load.ts';
import { editConfig } from '../config/edit.ts';
import { DEFAULT_CONFIG_FILES } from '../config/profiles.ts';
import { type ConfigKey, KEYS_WITHOUT_EFFECT } from '../config/schema.ts';
import { writeDurably } from '../effects/durable.ts';
import type { Config } from '../config/config.ts';
import { formatTable } from '../terminal/text.ts';
import type { Command, Context } from './command.ts';

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
    keep: config.keep,
    service_manager: config.serviceManager,
    connect_timeout: `${config.connectTimeoutMs / 1000}s`,
    stall_timeout: `${config.stallTimeoutMs / 1000}s`,
    retries: config.retries,
    ca_file: config.caFile,
    client_cert: config.clientCert,
    client_key: config.clientKey,
    authorization_file: config.authorizationFile,
    facts: config.facts,
  };
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
  run: async (context) => {
    const config = await context.config();
    const later = KEYS_WITHOUT_EFFECT.filter((key) => config.origins[key] !== undefined);
    for (const key of later)
      context.out.warn(`"${key}" is read and has no effect in this version`);
    return {
      value: { valid: true, file: config.file, withoutEffect: later },
      text: `${config.file ?? 'environment and flags'}: valid`,
    };
  },
};

export const set: Command = {
  name: 'config set',
  args: '<key> [value]',
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
  run: async (context, [key = '', value], flags) => {
    const { path, text } = await fileToEdit(context);
    const edited = editConfig(text, key, value ?? null, path);
    if (flags.is('dry-run'))
      return { value: { file: path, text: edited, written: false }, text: edited };
    await context.fx.files.makeDirectory(posix.dirname(path), 0o755);
    await writeDurably(context.fx.files, path, Buffer.from(edited), 0o644);
    return {
      value: { file: path, key, value: value ?? null, written: true },
      text: `${path}: ${key} ${value === undefined ? 'taken out' : `set to ${value}`}`,
    };
  },
};

async function fileToEdit({
  fx,
  root,
  configFile,
}: Context): Promise<{ path: string; text: string }> {
  const loaded = await loadConfigFile(fx.files, root, configFile);
  if (loaded !== null) return loaded;
  return { path: belowRoot(root, DEFAULT_CONFIG_FILES[0]), text: '' };
}
