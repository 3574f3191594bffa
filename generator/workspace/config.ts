import * as v from 'valibot';
import { HEALTH_FIELDS } from '../../client/format/health.ts';
import { LIMITS } from '../../client/format/limits.ts';
import { keyLine, ROLE_NAME } from '../../client/format/root.ts';
import {
  absolutePath,
  listOf,
  name,
  permissions,
  positive,
  whole,
} from '../../client/format/shapes.ts';
import { parseToml } from './toml.ts';

const { service, tcp, http, command } = HEALTH_FIELDS;

/** A publisher's own list knows the types of this version only, and no field that hosts would pass over. */
const healthCheck = v.variant('type', [
  v.strictObject({ type: v.literal('service'), ...service }),
  v.strictObject({ type: v.literal('tcp'), ...tcp }),
  v.strictObject({ type: v.literal('http'), ...http }),
  v.strictObject({ type: v.literal('command'), ...command }),
]);

/** `health` of a component, in quantix-repo.toml as in release.toml. */
export const health = listOf(healthCheck, LIMITS.healthChecks);

/** What a component is, apart from its bytes; quantix-repo.toml says it once for all releases. */
const componentFields = {
  kind: v.optional(v.picklist(['file', 'directory'], '"file" or "directory"')),
  install_path: v.optional(absolutePath),
  permissions: v.optional(permissions),
  restart_service: v.optional(name),
  backup_before_update: v.optional(v.boolean()),
  order: v.optional(whole),
  health: v.optional(health),
  hooks: v.optional(v.array(name)),
};

export const componentDefaults = v.strictObject(componentFields);

export const componentFieldNames = Object.keys(
  componentFields,
) as (keyof typeof componentFields)[];

const product = v.strictObject({
  arch: v.optional(name),
  compatible: v.optional(name),
  /** Bytes of a slot on its hosts; 0 where they have none. */
  slot_bytes: v.optional(whole),
  components: v.optional(v.record(name, componentDefaults), {}),
});

const keyNames = v.union([
  v.pipe(
    name,
    v.transform((one) => [one]),
  ),
  v.array(name),
]);

/** A key whose secret a program holds. */
const signer = v.strictObject({
  /** The program and its arguments; no shell. */
  sign_command: v.pipe(
    v.array(v.pipe(v.string(), v.minLength(1, 'a word'))),
    v.minLength(1, 'a program and its arguments'),
  ),
  public_key: keyLine,
  timeout_seconds: v.optional(v.pipe(positive, v.maxValue(3600, 'at most 3600')), 120),
});

const configSchema = v.strictObject({
  repository: name,
  /** Role to the names of the keys in keys/ that sign for it. */
  signing: v.optional(
    v.record(
      v.pipe(
        v.string(),
        v.regex(ROLE_NAME, 'a role: "root", "release", "channel", "channel/<name>"'),
      ),
      keyNames,
    ),
    { root: 'root', release: 'release', channel: 'channel' },
  ),
  /** Keys that are not files, by the names that `signing` uses. */
  signers: v.optional(v.record(name, signer), {}),
  pointer_days: v.optional(
    v.pipe(positive, v.maxValue(LIMITS.pointerLifeDays, 'at most 400 days')),
    90,
  ),
  root_days: v.optional(positive, 3 * 365),
  /** Write the older server's answers too, for hosts and dashboards that still ask for them. */
  older_api: v.optional(v.boolean(), false),
  products: v.optional(v.record(name, product), {}),
});

export type WorkspaceConfig = v.InferOutput<typeof configSchema>;
export type SignerConfig = v.InferOutput<typeof signer>;
export type ProductConfig = v.InferOutput<typeof product>;
export type ComponentDefaults = v.InferOutput<typeof componentDefaults>;

/** quantix-repo.toml; QxError `config` names line and column. */
export function parseWorkspaceConfig(bytes: Uint8Array, file: string): WorkspaceConfig {
  return parseToml(configSchema, bytes, file);
}

export function productConfig(config: WorkspaceConfig, product: string): ProductConfig {
  return config.products[product] ?? { components: {} };
}

/** Names of the keys in keys/ that sign for a role; a channel without a key of its own takes `channel`'s. */
export function keyNamesOf(config: WorkspaceConfig, role: string): string[] {
  const own = config.signing[role];
  if (own !== undefined) return own;
  return role.startsWith('channel/') ? (config.signing.channel ?? []) : [];
}
