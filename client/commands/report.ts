import type { Component } from '../format/manifest.ts';
import type { Generation } from '../install/generations.ts';
import type { Available, Offer } from '../offer.ts';
import type { ImageStep } from '../policy/plan.ts';
import { formatBytes, formatTable } from '../terminal/text.ts';

/** An offer as --json tells it. Sizes in bytes. */
export function offerValue(offer: Offer): Record<string, unknown> {
  if (offer.status !== 'available')
    return { status: offer.status, version: offer.version };
  const { version, installedVersion, channel, manifest, plan } = offer;
  return {
    status: 'available',
    product: manifest.product,
    channel,
    version,
    onTheWayTo: offer.onTheWayTo ?? null,
    release: manifest.release,
    installedVersion: installedVersion ?? null,
    releaseDate: manifest.release_date,
    releaseNotes: manifest.release_notes ?? null,
    downloadBytes: plan.downloadBytes,
    components: plan.steps.map(({ component, need, downloadBytes, source }) => ({
      name: component.name,
      version: component.version,
      need,
      contentBytes: component.content.size,
      encoding: source.encoding,
      downloadBytes,
    })),
    systemImage: plan.image === null ? null : imageValue(plan.image),
  };
}

function imageValue({
  image,
  source,
  downloadBytes,
}: ImageStep): Record<string, unknown> {
  return {
    contentBytes: image.content.size,
    encoding: source.encoding,
    downloadBytes,
    components: image.components ?? {},
  };
}

/** The same for a person. */
export function offerText(offer: Offer): string {
  if (offer.status !== 'available') {
    return offer.status === 'up-to-date'
      ? `up to date: ${offer.version}`
      : `${offer.version} waits in the other slot: restart this machine to try it`;
  }
  const { version, installedVersion, channel, manifest, plan } = offer;
  const rows = plan.steps.map(({ component, need, downloadBytes }) => [
    component.name,
    component.version,
    formatBytes(component.content.size),
    need === 'download' ? formatBytes(downloadBytes) : need,
  ]);
  if (plan.image !== null) {
    const { image, downloadBytes } = plan.image;
    const sizes = [formatBytes(image.content.size), formatBytes(downloadBytes)];
    rows.unshift(['system image', version, ...sizes]);
  }
  const lines = [
    `${manifest.product} ${version} is available on ${channel} (installed: ${installedVersion ?? 'nothing'})`,
    formatTable([['component', 'version', 'size', 'download'], ...rows], [2, 3]),
    `to download: ${formatBytes(plan.downloadBytes)}`,
  ];
  lines.push(...wayLines(offer));
  if (manifest.release_notes !== undefined)
    lines.push('', manifest.release_notes.trimEnd());
  return lines.join('\n');
}

/** A host that is too old for a release takes another one first. */
function wayLines({ version, onTheWayTo }: Available): string[] {
  if (onTheWayTo === undefined) return [];
  return [
    `${version} is a step on the way to ${onTheWayTo}: the next run goes on from there`,
  ];
}

/** What lies in the other slot now. */
export function writtenText({ manifest, version }: Available, bytes: number): string {
  return `${manifest.product} ${version} is written to the other slot (${formatBytes(bytes)} downloaded): restart this machine to try it`;
}

/** What an install did. */
export function installedText(
  offer: Available,
  generation: Generation,
  bytes: number,
): string {
  const { manifest, version } = offer;
  const rows = manifest.components.map((component) => [
    component.name,
    component.version,
    component.install_path,
  ]);
  return [
    `installed ${manifest.product} ${version} (generation ${generation.generation}, ${formatBytes(bytes)} downloaded)`,
    formatTable([['component', 'version', 'installed at'], ...rows]),
    ...wayLines(offer),
  ].join('\n');
}

/** Services that a person has to restart where no service manager does. */
export function servicesToRestart(offer: Available): string[] {
  const changed = offer.plan.steps.filter((step) => step.need !== 'installed');
  const services = changed
    .map((step): Component => step.component)
    .map((component) => component.restart_service)
    .filter((service) => service !== undefined);
  return [...new Set(services)];
}
