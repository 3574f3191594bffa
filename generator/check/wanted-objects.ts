import type {
  Component,
  Manifest,
  Source as ContentSource,
} from '../../client/format/manifest.ts';
import type { Descriptor } from '../../client/format/shapes.ts';
import { manifestPath, objectPath } from '../../client/format/tree.ts';
import type { CheckedManifest } from './manifests.ts';
import type { Problems } from './problems.ts';

/** What an object is good for: the content that it decodes to. */
export interface Use {
  encoding: 'identity' | 'br';
  content: Descriptor;
  kind: 'file' | 'directory' | 'image';
}

export interface WantedObject {
  descriptor: Descriptor;
  /** Of the first manifest that names it. */
  by: string;
  /** True when a manifest that `pull` brought names it: it may be elsewhere. */
  pulled: boolean;
  uses: Map<string, Use>;
}

/** Every object that manifests name, once. */
export function wantedObjects(
  manifests: readonly CheckedManifest[],
  pulled: ReadonlySet<string>,
  problems: Problems,
): Map<string, WantedObject> {
  const wanted = new Map<string, WantedObject>();
  for (const { sha256, manifest } of manifests) {
    const by = manifestPath(sha256);
    for (const { source, use } of objectsOf(manifest, by, problems)) {
      const standing = wanted.get(source.sha256);
      if (standing !== undefined && standing.descriptor.size !== source.size) {
        reportTwoSizes(standing, source, by, problems);
      }
      const object = standing ?? {
        descriptor: { sha256: source.sha256, size: source.size },
        by,
        pulled: false,
        uses: new Map<string, Use>(),
      };
      object.pulled ||= pulled.has(sha256);
      if (use !== null) object.uses.set(keyOf(use), use);
      wanted.set(source.sha256, object);
    }
  }
  return wanted;
}

function keyOf({ encoding, content, kind }: Use): string {
  return `${encoding} ${content.sha256} ${content.size} ${kind}`;
}

interface Mention {
  source: Descriptor;
  use: Use | null;
}

function objectsOf(manifest: Manifest, by: string, problems: Problems): Mention[] {
  const { components, full_image: image, attachments = [] } = manifest;
  const mentions = components.flatMap((component) => {
    refuseUnreadable(component.name, component, by, problems);
    return component.sources.map((source) =>
      mention(source, component.content, component.kind),
    );
  });
  if (image !== undefined) {
    refuseUnreadable('full_image', image, by, problems);
    mentions.push(
      ...image.sources.map((source) => mention(source, image.content, 'image')),
    );
  }
  const attached = attachments.map(({ content }) => ({ source: content, use: null }));
  return [...mentions, ...attached];
}

/** Kinds of sources that this version does not know are held against their digest only. */
function mention(source: ContentSource, content: Descriptor, kind: Use['kind']): Mention {
  const { encoding } = source;
  const known = isReadable(source) && (encoding === 'identity' || encoding === 'br');
  return { source, use: known ? { encoding, content, kind } : null };
}

export function isReadable({ type, encoding }: ContentSource): boolean {
  return type === 'full' && (encoding === 'identity' || encoding === 'br');
}

function refuseUnreadable(
  name: string,
  { sources }: Pick<Component, 'sources'>,
  where: string,
  problems: Problems,
): void {
  if (sources.some(isReadable)) return;
  problems.error('malformed', `${name}: no source that a host can read`, {
    where,
    expected: 'a full source in identity or br',
    found:
      sources.map(({ type, encoding }) => `${type} in ${encoding}`).join(', ') || 'none',
  });
}

function reportTwoSizes(
  standing: WantedObject,
  source: Descriptor,
  by: string,
  problems: Problems,
): void {
  problems.error('malformed', 'two manifests give one object two sizes', {
    where: objectPath(source.sha256),
    expected: `${standing.descriptor.size} bytes (${standing.by})`,
    found: `${source.size} bytes (${by})`,
  });
}
