import { QxError } from '../../client/format/error.ts';
import {
  type Component,
  type Manifest,
  encodeManifest,
} from '../../client/format/manifest.ts';
import type { Item } from './contents.ts';
import type { ComponentPlan, ReleasePlan } from './plan.ts';
import type { StoredContent } from './store-content.ts';

export interface StoredAttachment {
  name: string;
  mediaType: string | undefined;
  stored: StoredContent;
}

export interface ManifestParts {
  repository: string;
  plan: ReleasePlan;
  version: string;
  release: number;
  released: string;
  notes: string | undefined;
  /** In the order of the plan's components. */
  components: { item: Item; stored: StoredContent }[];
  carried: readonly Component[];
  image: StoredContent | undefined;
  attachments: readonly StoredAttachment[];
}

/** The manifest of a release; components sorted by name. */
export function buildManifest(parts: ManifestParts): Manifest {
  const { plan, version } = parts;
  const own = plan.components.map((planned, at) => {
    const { item, stored } = parts.components[at] as {
      item: Item;
      stored: StoredContent;
    };
    return buildComponent(planned, version, item, stored);
  });
  const components = [...own, ...parts.carried].sort((a, b) =>
    a.name < b.name ? -1 : 1,
  );
  return {
    type: 'manifest',
    format: 1,
    repository: parts.repository,
    product: plan.product,
    version,
    release: parts.release,
    ...optional('floor', plan.floor),
    release_date: parts.released,
    update_type: parts.image === undefined ? 'component' : 'full',
    ...optional('min_version', plan.minVersion),
    arch: plan.arch,
    ...optional('compatible', plan.compatible),
    ...optional('release_notes', parts.notes),
    ...(plan.dependencies.length > 0 ? { dependencies: plan.dependencies } : {}),
    components,
    ...optional('full_image', fullImage(plan, parts.image)),
    ...optional('attachments', attachments(parts.attachments)),
  };
}

/**
 * True when two manifests of one version install the same: number, date and the ways to obtain the bytes
 * may differ.
 */
export function sameContents(a: Manifest, b: Manifest): boolean {
  return encodeManifest(comparable(a)).equals(encodeManifest(comparable(b)));
}

/** The same of two versions: true when a host that has one would get nothing new from the other. */
export function installsTheSame(a: Manifest, b: Manifest): boolean {
  return sameContents(unversioned(a), unversioned(b));
}

function unversioned(manifest: Manifest): Manifest {
  const version = '0.0.0';
  const components = manifest.components.map((each) => ({ ...each, version }));
  return { ...manifest, version, components };
}

function comparable(manifest: Manifest): Manifest {
  const { full_image: image } = manifest;
  return {
    ...manifest,
    release: 1,
    release_date: '1970-01-01T00:00:00Z',
    components: manifest.components.map((component) => ({ ...component, sources: [] })),
    ...(image === undefined ? {} : { full_image: { ...image, sources: [] } }),
  };
}

function buildComponent(
  planned: ComponentPlan,
  version: string,
  item: Item,
  { content, sources }: StoredContent,
): Component {
  const { fields, name } = planned;
  if (fields.install_path === undefined) throw undescribed(name);
  const fallback =
    item.kind === 'directory' ? undefined : (item.mode & 0o111) === 0 ? '0644' : '0755';
  return {
    name,
    version: planned.version ?? version,
    kind: item.kind,
    install_path: fields.install_path,
    ...optional('permissions', fields.permissions ?? fallback),
    ...optional('restart_service', fields.restart_service),
    ...optional('backup_before_update', fields.backup_before_update),
    content,
    sources,
    ...optional('order', fields.order),
    ...optional('health', fields.health),
    ...optional('hooks', fields.hooks),
  };
}

/** QxError `config` for a component whose place on the host nobody has said. */
export function undescribed(name: string): QxError {
  return new QxError('config', `${name}: nothing says where it is installed`, {
    hint: `install_path in quantix-repo.toml or release.toml, or --install-path ${name}=/PATH`,
  });
}

function fullImage(
  plan: ReleasePlan,
  image: StoredContent | undefined,
): Manifest['full_image'] {
  if (image === undefined) return undefined;
  return {
    content: image.content,
    sources: image.sources,
    requires_reboot: plan.image?.requiresReboot ?? true,
    target_slot: 'auto',
    ...optional('components', plan.image?.components),
  };
}

function attachments(all: readonly StoredAttachment[]): Manifest['attachments'] {
  if (all.length === 0) return undefined;
  return all.map(({ name, mediaType, stored }) => ({
    name,
    ...optional('media_type', mediaType),
    content: stored.content,
  }));
}

function optional<K extends string, T>(
  key: K,
  value: T | undefined,
): Partial<Record<K, NonNullable<T>>> {
  return (value === undefined ? {} : { [key]: value }) as Partial<
    Record<K, NonNullable<T>>
  >;
}
