/** Paths of the tree, relative to its base, with forward slashes. The arguments are already-checked names. */

/** `objects/ab/abcd…`: two digits as a folder keep listings short on every host. */
export function objectPath(sha256: string): string {
  return `objects/${sha256.slice(0, 2)}/${sha256}`;
}

/** `manifests/<sha256 of its own bytes>.json` */
export function manifestPath(sha256: string): string {
  return `manifests/${sha256}.json`;
}

/** `signatures/<sha256 of the signed bytes>.minisig` */
export function signaturePath(sha256: string): string {
  return `signatures/${sha256}.minisig`;
}

/** `root/3.json` */
export function rootPath(version: number): string {
  return `root/${version}.json`;
}

/** `channels/quantix-os/stable.json` */
export function pointerPath(product: string, channel: string): string {
  return `channels/${product}/${channel}.json`;
}

/** `channels/quantix-os/stable.json.minisig`: the same signature, where stock minisign looks for it. */
export function sideSignaturePath(product: string, channel: string): string {
  return `${pointerPath(product, channel)}.minisig`;
}

/** `products/quantix-os/releases-1.json` */
export function releasePagePath(product: string, page: number): string {
  return `products/${product}/releases-${page}.json`;
}

/** `schema/pointer.schema.json` */
export function schemaPath(type: string): string {
  return `schema/${type}.schema.json`;
}

export const REPOSITORY_INDEX_PATH = 'repository.json';

/** Bytes under these never change once they are there; everything else is asked for anew. */
export function isImmutable(path: string): boolean {
  return /^(?:objects|manifests|root|schema|deltas)\//.test(path);
}
