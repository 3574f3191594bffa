import type { Config } from '../config/config.ts';
import {
  listIfThere,
  readIfThere,
  readOwnIfThere,
  removeTree,
  writeDurably,
} from '../effects/durable.ts';
import type { Files } from '../effects/effects.ts';
import type { RepositoryMemory } from '../format/client-state.ts';
import { QxError } from '../format/error.ts';
import { LIMITS } from '../format/limits.ts';
import {
  encodeSignatures,
  parseSignatures,
  type SignatureBlock,
} from '../format/minisign/signature.ts';
import { parseRoot, type Root } from '../format/root.ts';
import type { RootFile } from '../policy/pin.ts';
import { sha256Hex } from '../reader/signatures.ts';

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
  const { pinned, trusted } = await readTrust(files, stateDir, pinnedFile);
  return { pinned: pinned.root, trusted: trusted.root };
}

/** The same with their bytes, and the versions that led from one to the other. */
export async function readTrust(
  files: Files,
  stateDir: string,
  pinnedFile: string,
): Promise<{ pinned: RootFile; trusted: RootFile; walked: number[] }> {
  const pinned = await readPin(files, pinnedFile);
  if (pinned === null) throw noPin(pinnedFile);
  const { repository, version } = pinned.root;
  const later = (await storedRoots(files, stateDir, repository)).filter(
    (each) => each > version,
  );
  const walked = [version, ...later];
  const newest = later.at(-1);
  // A newer image may pin a newer root than the host has walked to.
  if (newest === undefined) return { pinned, trusted: pinned, walked };
  const path = `${trustDir(stateDir, repository)}/${newest}.json`;
  const trusted = await readRoot(files, path);
  if (trusted?.root.repository === repository && trusted.root.version === newest)
    return { pinned, trusted, walked };
  throw new QxError('local-state', 'a stored trust root is not what its name says', {
    where: path,
  });
}

/** Versions of the roots that this host has walked to, in ascending order. */
async function storedRoots(
  files: Files,
  stateDir: string,
  repository: string,
): Promise<number[]> {
  const folder = trustDir(stateDir, repository);
  const why = (await files.info(folder))?.foreign?.why;
  if (why !== undefined) throw foreignRoots(folder, why);
  return (await listIfThere(files, folder))
    .map((file) => /^(\d+)\.json$/.exec(file)?.[1])
    .filter((text) => text !== undefined)
    .map(Number)
    .sort((a, b) => a - b);
}

function foreignRoots(where: string, found: string): QxError {
  return new QxError('config', 'others could change the trust roots of this host', {
    where,
    expected: 'only root and this user can write there',
    found,
    hint: 'remove the folder: the host walks again from the pinned root',
  });
}

/** The stored bytes of one of them, not looked into; null where there is none. */
export function readStoredRoot(
  files: Files,
  stateDir: string,
  repository: string,
  version: number,
): Promise<Buffer | null> {
  const path = `${trustDir(stateDir, repository)}/${version}.json`;
  return readOwnIfThere(files, path, LIMITS.rootBytes);
}

/** A root that this host trusted once, as far as it can still be read. */
export async function readRootVersion(
  files: Files,
  { stateDir, trustRoot }: Pick<Config, 'stateDir' | 'trustRoot'>,
  version: number,
): Promise<Root | null> {
  const pinned = await readPin(files, trustRoot, { broken: 'as none' });
  if (pinned === null || pinned.root.version === version) return pinned?.root ?? null;
  const path = `${trustDir(stateDir, pinned.root.repository)}/${version}.json`;
  return (await readPin(files, path, { broken: 'as none' }))?.root ?? null;
}

/** All of them, for a state folder that is to know what this one knows. */
export async function copyRoots(files: Files, from: string, to: string): Promise<void> {
  for (const repository of await listIfThere(files, `${from}/trust`))
    for (const version of await storedRoots(files, from, repository)) {
      const bytes = await readStoredRoot(files, from, repository, version);
      if (bytes === null) continue;
      await files.makeDirectory(trustDir(to, repository), 0o755);
      await writeDurably(files, `${trustDir(to, repository)}/${version}.json`, bytes);
    }
}

/** The chain begins anew with the pinned root. */
export function forgetRoots(
  files: Files,
  stateDir: string,
  repository: string,
): Promise<void> {
  return removeTree(files, trustDir(stateDir, repository));
}

/** The pinned root; null where there is none, and one that is broken is none or QxError `local-state`. */
export async function readPin(
  files: Files,
  path: string,
  { broken }: { broken: 'throw' | 'as none' } = { broken: 'throw' },
): Promise<RootFile | null> {
  try {
    // It comes with the image, and may be a link there.
    return await readRoot(files, path, readIfThere);
  } catch (error) {
    if (broken === 'as none' && error instanceof QxError) return null;
    throw error;
  }
}

function noPin(path: string): QxError {
  return new QxError('config', 'the pinned trust root is missing', {
    where: path,
    hint: '"qx-update trust add FILE --fingerprint HEX" pins one that the publisher has handed over',
  });
}

/** Null where there is none; QxError `local-state` for one that cannot be used. */
export async function readRoot(
  files: Files,
  path: string,
  read = readOwnIfThere,
): Promise<RootFile | null> {
  try {
    const bytes = await read(files, path, LIMITS.rootBytes);
    return bytes === null ? null : { root: parseRoot(bytes, path), bytes };
  } catch (error) {
    if (!(error instanceof QxError) || error.code === 'config') throw error;
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

interface Channel {
  product: string;
  channel: string;
}

/** "product/channel", as the state files its pointers. */
export function pointerSlot({ product, channel }: Channel): string {
  return `${product}/${channel}`;
}

/** The pointer that was accepted last, if the copy on the disk is the one that the state speaks of. */
export async function readSeenPointer(
  files: Files,
  stateDir: string,
  { pointers }: RepositoryMemory,
  { product, channel }: Channel,
): Promise<StoredDocument | null> {
  const seen = pointers[pointerSlot({ product, channel })];
  const path = pointerFile(stateDir, product, channel);
  const stored = await readDocument(files, path, LIMITS.pointerBytes);
  if (stored === null || sha256Hex(stored.bytes) !== seen?.sha256) return null;
  return stored;
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
    const bytes = await readOwnIfThere(files, `${path}.json`, maxBytes);
    const signatures = await readOwnIfThere(
      files,
      `${path}.minisig`,
      LIMITS.signatureBytes,
    );
    if (bytes === null || signatures === null) return null;
    return { bytes, blocks: parseSignatures(signatures) };
  } catch (error) {
    if (!(error instanceof QxError)) throw error;
    return null;
  }
}
