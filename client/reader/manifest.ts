import { QxError } from '../format/error.ts';
import { LIMITS } from '../format/limits.ts';
import { type Manifest, parseManifest } from '../format/manifest.ts';
import type { SignatureBlock } from '../format/minisign/signature.ts';
import type { Root } from '../format/root.ts';
import type { Descriptor } from '../format/shapes.ts';
import { manifestPath } from '../format/tree.ts';
import { verifyRole } from '../format/trust.ts';
import { untilItsWord } from './ask-again.ts';
import { readSignatures, sha256Hex } from './signatures.ts';
import { shownAt, type Source } from './source.ts';

export interface WantedManifest {
  repository: string;
  product: string;
  version: string;
  /** The key under which the pointer named it. */
  arch: string;
}

export interface SignedManifest {
  manifest: Manifest;
  bytes: Buffer;
  blocks: SignatureBlock[];
}

/** Step 8: the manifest that the pointer's descriptor names, with its signatures. */
export function readManifest(
  source: Source,
  root: Root,
  descriptor: Descriptor,
  want: WantedManifest,
  signal?: AbortSignal,
): Promise<SignedManifest> {
  return untilItsWord(source, signal, (heard) =>
    readOnce(heard, root, descriptor, want, signal),
  );
}

async function readOnce(
  source: Source,
  root: Root,
  descriptor: Descriptor,
  want: WantedManifest,
  signal: AbortSignal | undefined,
): Promise<SignedManifest> {
  const path = manifestPath(descriptor.sha256);
  const maxBytes = Math.min(descriptor.size, LIMITS.manifestBytes);
  const fetched = await source.get(path, { maxBytes, signal }).catch((error: unknown) => {
    throw error instanceof QxError && error.code === 'malformed'
      ? tooLong(error, descriptor)
      : error;
  });
  if (fetched.status !== 'found') {
    throw new QxError('network', 'the manifest that the pointer names is missing', {
      where: shownAt(source, path),
      hint: 'the tree was published in the wrong order or in part; publish it again',
    });
  }
  const blocks = await readSignatures(source, descriptor.sha256, signal);
  const manifest = checkManifest(
    root,
    descriptor,
    want,
    fetched.bytes,
    blocks,
    fetched.url,
  );
  return { manifest, bytes: fetched.bytes, blocks };
}

/** Size, digest and signature, then what the manifest says it is for. */
export function checkManifest(
  root: Root,
  descriptor: Descriptor,
  want: WantedManifest,
  bytes: Uint8Array,
  blocks: SignatureBlock[],
  where: string,
): Manifest {
  const found: Descriptor = { sha256: sha256Hex(bytes), size: bytes.length };
  if (found.size !== descriptor.size || found.sha256 !== descriptor.sha256) {
    throw new QxError('digest', 'the manifest is not the one that was signed for', {
      where,
      expected: `${descriptor.sha256} (${descriptor.size} bytes)`,
      found: `${found.sha256} (${found.size} bytes)`,
    });
  }
  verifyRole(root, 'release', bytes, blocks, where);
  const manifest = parseManifest(bytes, where);
  for (const field of ['repository', 'product', 'version', 'arch'] as const) {
    if (manifest[field] !== want[field]) {
      throw new QxError('malformed', `the manifest is of another ${field}`, {
        where,
        expected: want[field],
        found: manifest[field],
        hint: 'the pointer names the manifest of something else; ask the publisher',
      });
    }
  }
  return manifest;
}

function tooLong(error: QxError, descriptor: Descriptor): QxError {
  return new QxError('digest', 'the manifest is longer than the pointer says', {
    where: error.where,
    expected: `${descriptor.size} bytes`,
    found: error.found ?? 'more',
    cause: error,
  });
}
