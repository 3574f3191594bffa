import { listIfThere, readIfThere, writeDurably } from '../effects/durable.ts';
import type { Files } from '../effects/effects.ts';
import { QxError } from '../format/error.ts';
import { LIMITS } from '../format/limits.ts';
import {
  encodeSignatures,
  parseSignatures,
  type SignatureBlock,
} from '../format/minisign/signature.ts';
import { parseRoot, type Root } from '../format/root.ts';

/** Signed bytes that were verified once and are kept to be verified again without asking the network. */
export interface StoredDocument {
  bytes: Buffer;
  blocks: SignatureBlock[];
}

/** `trust/<repository>/<version>.json`: the roots that this host has accepted. */
export function trustDir(stateDir: string, repository: string): string {
  return `${stateDir}/trust/${repository}`;
}

/** The pinned root, or the newest root that this host has accepted since. QxError `local-state` or `config`. */
export async function readTrustedRoot(
  files: Files,
  stateDir: string,
  pinnedFile: string,
): Promise<{ pinned: Root; trusted: Root }> {
  const pinned = await readPinnedRoot(files, pinnedFile);
  const dir = trustDir(stateDir, pinned.repository);
  const versions = (await listIfThere(files, dir))
    .map((file) => /^(\d+)\.json$/.exec(file)?.[1])
    .filter((text) => text !== undefined)
    .map(Number);
  const newest = Math.max(...versions, 0);
  // A newer image may pin a newer root than the host has walked to.
  if (newest <= pinned.version) return { pinned, trusted: pinned };
  const path = `${dir}/${newest}.json`;
  const trusted = await readRoot(files, path);
  if (trusted?.repository === pinned.repository && trusted.version === newest)
    return { pinned, trusted };
  throw new QxError('local-state', 'a stored trust root is not what its name says', {
    where: path,
  });
}

async function readPinnedRoot(files: Files, path: string): Promise<Root> {
  const root = await readRoot(files, path);
  if (root !== null) return root;
  throw new QxError('config', 'the pinned trust root is missing', {
    where: path,
    hint: 'copy root/1.json of the repository there, from a place that you trust, not from the host itself',
  });
}

/** Null where there is none; QxError `local-state` for one that cannot be used. */
export async function readRoot(files: Files, path: string): Promise<Root | null> {
  try {
    const bytes = await readIfThere(files, path, LIMITS.rootBytes);
    return bytes === null ? null : parseRoot(bytes, path);
  } catch (error) {
    if (!(error instanceof QxError)) throw error;
    throw new QxError(
      'local-state',
      `a trust root on this host is unusable: ${error.message}`,
      { where: path, expected: error.expected, found: error.found, cause: error },
    );
  }
}

export async function storeRoot(
  files: Files,
  stateDir: string,
  root: Root,
  bytes: Uint8Array,
): Promise<void> {
  const dir = trustDir(stateDir, root.repository);
  await files.makeDirectory(dir, 0o755);
  await writeDurably(files, `${dir}/${root.version}.json`, bytes);
}

/** `pointers/<product>/<channel>` below the state folder. */
export function pointerFile(stateDir: string, product: string, channel: string): string {
  return `${stateDir}/pointers/${product}/${channel}`;
}

/** `manifests/<sha256>` below the state folder. */
export function manifestFile(stateDir: string, sha256: string): string {
  return `${stateDir}/manifests/${sha256}`;
}

/** Writes `<path>.minisig`, then `<path>.json`. */
export async function storeDocument(
  files: Files,
  path: string,
  document: StoredDocument,
): Promise<void> {
  await files.makeDirectory(path.slice(0, path.lastIndexOf('/')), 0o755);
  await writeDurably(files, `${path}.minisig`, encodeSignatures(document.blocks));
  await writeDurably(files, `${path}.json`, document.bytes);
}

/** What storeDocument wrote, or null: a copy that is missing or torn is only fetched again. */
export async function readDocument(
  files: Files,
  path: string,
  maxBytes: number,
): Promise<StoredDocument | null> {
  try {
    const bytes = await readIfThere(files, `${path}.json`, maxBytes);
    const signatures = await readIfThere(files, `${path}.minisig`, LIMITS.signatureBytes);
    if (bytes === null || signatures === null) return null;
    return { bytes, blocks: parseSignatures(signatures) };
  } catch (error) {
    if (!(error instanceof QxError)) throw error;
    return null;
  }
}
