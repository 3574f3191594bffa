import semver from 'semver';
import type { Component, Manifest } from '../../client/format/manifest.ts';
import { modeOf } from '../../client/format/manifest.ts';
import type { Descriptor } from '../../client/format/shapes.ts';
import type { OlderRelease } from './memory.ts';

/** The JSON of the older server, field by field. Pure. */

/** An artifact as an older host downloads it: its name in the URL, digest and bytes. */
export interface Artifact extends Descriptor {
  artifact: string;
}

/** The artifact of a release that has this name. */
export type ArtifactOf = (name: string) => Artifact;

export const IMAGE = 'system.squashfs';

/** `qx-node.tar.gz` */
export function artifactName(component: string): string {
  return `${component}.tar.gz`;
}

const DESCRIPTIONS: Record<string, string> = {
  dev: 'Every build, as it comes',
  beta: 'Complete, and being tried out',
  stable: 'For production',
};
const ALWAYS = Object.keys(DESCRIPTIONS);

/** The three that the older server knew, in its order, then whatever else has a pointer. */
export function channelNames(channels: Iterable<string>): string[] {
  const others = [...new Set(channels)].filter((name) => !ALWAYS.includes(name));
  return [...ALWAYS, ...others.sort()];
}

export function channelsAnswer(channels: Iterable<string>) {
  return channelNames(channels).map((name) => ({
    name,
    description: DESCRIPTIONS[name] ?? `The channel ${name}`,
  }));
}

/** A file cannot tell the time: this is when the newest pointer was issued. */
export function healthAnswer(issued: string) {
  return { status: 'healthy', timestamp: issued };
}

/** By channel as `channels` has them, the newest first; an empty list, never null. */
export function releasesAnswer(rows: readonly OlderRelease[]): OlderRelease[] {
  const order = channelNames(rows.map(({ channel }) => channel));
  return [...rows].sort(
    (a, b) =>
      order.indexOf(a.channel) - order.indexOf(b.channel) ||
      semver.rcompare(a.version, b.version),
  );
}

export function manifestAnswer(
  manifest: Manifest,
  channel: string,
  artifactOf: ArtifactOf,
) {
  const { product, version, release_date, update_type, full_image: image } = manifest;
  const components = [...manifest.components].sort(byOrder);
  return {
    product,
    version,
    channel,
    release_date,
    update_type,
    components: components.map((each) =>
      componentAnswer(product, each, artifactOf(artifactName(each.name))),
    ),
    ...(image === undefined ? {} : { full_image: imageAnswer(image, artifactOf(IMAGE)) }),
    min_version: manifest.min_version ?? '0.0.0',
    release_notes: manifest.release_notes ?? '',
  };
}

function componentAnswer(product: string, component: Component, made: Artifact) {
  const { name, version, backup_before_update: backup } = component;
  return {
    name,
    version,
    artifact: made.artifact,
    sha256: made.sha256,
    size_bytes: made.size,
    install_path: installPath(product, component),
    restart_service: component.restart_service ?? null,
    backup_before_update: backup ?? true,
    permissions: modeOf(component).toString(8).padStart(4, '0'),
    // Without it the older control plane leaves its database as it is, and starts the new program on it.
    ...(name === 'migrations' ? { requires_db_migration: true } : {}),
  };
}

function imageAnswer(
  image: NonNullable<Manifest['full_image']>,
  { artifact, sha256, size }: Artifact,
) {
  const { requires_reboot, target_slot } = image;
  return { artifact, sha256, size_bytes: size, requires_reboot, target_slot };
}

/** Components that the older clients take for folders by name; all others by a slash at the end of their path. */
const KNOWN_FOLDERS: Record<string, readonly string[]> = {
  'quantix-os': ['host-ui', 'guest-agent'],
  'quantix-vdc': ['dashboard', 'migrations'],
};

function installPath(product: string, { name, kind, install_path }: Component): string {
  const known = KNOWN_FOLDERS[product]?.includes(name) ?? false;
  return kind === 'file' || known ? install_path : `${install_path}/`;
}

/** The order in which the older control plane installs. */
function byOrder(a: Component, b: Component): number {
  return (a.order ?? 0) - (b.order ?? 0) || (a.name < b.name ? -1 : 1);
}
