import * as v from 'valibot';
import { type DocumentKind, encodeDocument, parseDocument } from './document.ts';
import { QxError } from './error.ts';
import { healthCheck, refuseSenselessHealth } from './health.ts';
import { LIMITS } from './limits.ts';
import {
  absolutePath,
  descriptor,
  head,
  listOf,
  name,
  permissions,
  positive,
  sha256,
  sortedRecord,
  text,
  time,
  version,
  whole,
} from './shapes.ts';

/**
 * One way to obtain a content. `type` and `encoding` are open: a host passes over the ones
 * that it does not know and needs only one that it does ("full" with "identity" or "br").
 */
const source = v.object({
  type: name,
  encoding: name,
  sha256,
  size: whole,
  from: v.exactOptional(sha256),
});

/** Exactly one of `product` and `component`. */
const dependency = v.pipe(
  v.object({
    product: v.exactOptional(name),
    component: v.exactOptional(name),
    min_version: version,
  }),
  v.check(
    (item) => (item.product === undefined) !== (item.component === undefined),
    'either "product" or "component"',
  ),
);

const component = v.object({
  name,
  version,
  kind: v.picklist(['file', 'directory'], '"file" or "directory"'),
  install_path: absolutePath,
  permissions: v.exactOptional(permissions),
  restart_service: v.exactOptional(name),
  backup_before_update: v.exactOptional(v.boolean()),
  content: descriptor,
  sources: listOf(source, LIMITS.sourcesPerContent),
  order: v.exactOptional(whole),
  health: v.exactOptional(listOf(healthCheck, LIMITS.healthChecks)),
  hooks: v.exactOptional(listOf(name, 16)),
});

const fullImage = v.object({
  content: descriptor,
  sources: listOf(source, LIMITS.sourcesPerContent),
  requires_reboot: v.boolean(),
  target_slot: v.literal('auto'),
  components: v.exactOptional(sortedRecord(name, version, LIMITS.components)),
});

const attachment = v.object({
  name,
  media_type: v.exactOptional(text),
  content: descriptor,
});

export const manifestSchema = v.object({
  ...head('manifest'),
  product: name,
  version,
  release: positive,
  floor: v.exactOptional(whole),
  release_date: time,
  update_type: v.picklist(['component', 'full'], '"component" or "full"'),
  min_version: v.exactOptional(version),
  arch: name,
  compatible: v.exactOptional(name),
  release_notes: v.exactOptional(text),
  dependencies: v.exactOptional(listOf(dependency, 64)),
  components: listOf(component, LIMITS.components),
  full_image: v.exactOptional(fullImage),
  attachments: v.exactOptional(listOf(attachment, LIMITS.attachments)),
});

export type Source = v.InferOutput<typeof source>;
export type Component = v.InferOutput<typeof component>;
export type FullImage = v.InferOutput<typeof fullImage>;
export type Attachment = v.InferOutput<typeof attachment>;
export type Manifest = v.InferOutput<typeof manifestSchema>;

export const MANIFEST: DocumentKind<typeof manifestSchema> = {
  type: 'manifest',
  schema: manifestSchema,
  maxBytes: LIMITS.manifestBytes,
};

/** The mode that a component is installed with when its manifest does not say. */
export function modeOf(component: Component): number {
  const fallback = component.kind === 'file' ? '0644' : '0755';
  return Number.parseInt(component.permissions ?? fallback, 8);
}

/** A release's list of contents: no name and no install path twice, none inside another, checks that make sense. */
export function parseManifest(bytes: Uint8Array, where?: string): Manifest {
  const manifest = parseDocument(MANIFEST, bytes, where);
  if (manifest.components.length === 0 && manifest.full_image === undefined) {
    throw new QxError('malformed', 'manifest: neither components nor a full_image', {
      where,
    });
  }
  if (manifest.update_type === 'full' && manifest.full_image === undefined) {
    throw new QxError('malformed', 'manifest: a full update without a full_image', {
      where,
    });
  }
  const names = manifest.components.map((component) => component.name);
  const twin = names.find((item, index) => names.indexOf(item) !== index);
  if (twin !== undefined) {
    throw new QxError('malformed', 'manifest: one component twice', {
      where,
      found: twin,
    });
  }
  refuseOverlap(manifest.components, where);
  for (const component of manifest.components) refuseSenselessHealth(component, where);
  return manifest;
}

export function encodeManifest(manifest: Manifest): Buffer {
  return encodeDocument(MANIFEST, manifest);
}

function refuseOverlap(components: Component[], where?: string): void {
  const paths = components.map((component) => component.install_path).sort();
  for (const [index, path] of paths.entries()) {
    const inside = paths.find(
      (other, at) => at !== index && `${other}/`.startsWith(`${path}/`),
    );
    if (inside !== undefined) {
      throw new QxError('malformed', 'manifest: install paths overlap', {
        where,
        found: `${path} and ${inside}`,
      });
    }
  }
}
