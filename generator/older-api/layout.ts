/**
 * Where the older server's answers lie as files. Three of its paths are no plain files: `releases` is a folder
 * too (its list is `releases/index.json`), and what `?channel=` chooses lies below `channels/<channel>/`.
 * hosting/nginx.conf maps both.
 */

export const HEALTH_PATH = 'health';
export const CHANNELS_PATH = 'api/v1/channels';

/** What is current in `dev`: the older server's answer to whoever names no channel. */
export const DEFAULT_CHANNEL = 'dev';

/** `api/v1/quantix-os/manifest` */
export function manifestAnswerPath(product: string): string {
  return `api/v1/${product}/manifest`;
}

/** `api/v1/quantix-os/channels/stable/manifest.json`: the same with ?channel=stable */
export function channelManifestPath(product: string, channel: string): string {
  return `api/v1/${product}/channels/${channel}/manifest.json`;
}

/** `api/v1/quantix-os/releases/index.json`: releases of all channels */
export function releasesPath(product: string): string {
  return `api/v1/${product}/releases/index.json`;
}

/** `api/v1/quantix-os/channels/stable/releases.json`: the same with ?channel=stable */
export function channelReleasesPath(product: string, channel: string): string {
  return `api/v1/${product}/channels/${channel}/releases.json`;
}

/** `api/v1/quantix-os/releases/1.4.2/manifest` */
export function releaseManifestPath(product: string, version: string): string {
  return `api/v1/${product}/releases/${version}/manifest`;
}

/** `api/v1/quantix-os/channels/stable/releases/1.4.2.json`: the same with ?channel=stable */
export function channelReleasePath(
  product: string,
  channel: string,
  version: string,
): string {
  return `api/v1/${product}/channels/${channel}/releases/${version}.json`;
}

/** `api/v1/quantix-os/releases/1.4.2/qx-node.tar.gz` */
export function artifactPath(product: string, version: string, artifact: string): string {
  return `api/v1/${product}/releases/${version}/${artifact}`;
}

/** `api/v1/quantix-os/artifacts.json`: of which contents the artifacts were made; no older caller asks for it. */
export function artifactsPath(product: string): string {
  return `api/v1/${product}/artifacts.json`;
}

const NAME = '[a-z0-9][a-z0-9._-]*';
const VERSION = '[0-9][0-9A-Za-z.-]*';
const OF_A_RELEASE = new RegExp(
  `^api/v1/(${NAME})/(?:releases/(${VERSION})/[^/]+|channels/${NAME}/releases/(${VERSION})\\.json)$`,
);

/** The release that a file belongs to and goes with; null for every other path. */
export function releaseOfPath(path: string): { product: string; version: string } | null {
  const [, product, version = null, inChannel = null] = OF_A_RELEASE.exec(path) ?? [];
  const named = version ?? inChannel;
  return product === undefined || named === null ? null : { product, version: named };
}

/** True for the artifacts themselves, which never change once a release names them. */
export function isArtifact(path: string): boolean {
  return /\.(?:tar\.gz|squashfs)$/.test(path) && releaseOfPath(path) !== null;
}
