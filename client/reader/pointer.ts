import { formatTime } from '../format/time.ts';
import { QxError } from '../format/error.ts';
import { LIMITS } from '../format/limits.ts';
import { type SignatureBlock, unite } from '../format/minisign/signature.ts';
import { parsePointer, type Pointer } from '../format/pointer.ts';
import { channelRole, type Root } from '../format/root.ts';
import { pointerPath, sideSignaturePath } from '../format/tree.ts';
import { verifyRole } from '../format/trust.ts';
import { type Heard, untilItsWord } from './ask-again.ts';
import { readSignatureFile, readSignatures, sha256Hex } from './signatures.ts';
import { shownAt, type Fetched, type Source } from './source.ts';

export interface WantedPointer {
  repository: string;
  product: string;
  channel: string;
}

export interface SignedPointer {
  pointer: Pointer;
  bytes: Buffer;
  sha256: string;
  blocks: SignatureBlock[];
}

type Found = Extract<Fetched, { status: 'found' }>;

/** Fresh looks at a pair that changes of pointer and side signature before a bad signature is spoken of. */
const RE_READS = 3;

/** Step 3: the pointer's bytes, not looked into. A missing pointer is QxError `network`. */
export async function fetchPointer(
  source: Source,
  want: WantedPointer,
  options: {
    conditional?: { etag?: string; lastModified?: string };
    fresh?: boolean;
    signal?: AbortSignal | undefined;
  },
): Promise<Found | { status: 'unchanged' }> {
  const path = pointerPath(want.product, want.channel);
  return untilItsWord(source, options.signal, async (heard) => {
    const fetched = await heard.get(path, { maxBytes: LIMITS.pointerBytes, ...options });
    if (fetched.status !== 'missing') return fetched;
    throw noSuchChannel(shownAt(source, path), want);
  });
}

function noSuchChannel(where: string, { product, channel }: WantedPointer): QxError {
  const local = where.startsWith('file:');
  return new QxError('network', 'the repository has no such channel', {
    where,
    expected: `a pointer for ${product} ${channel}`,
    found: local ? 'no such file' : 'nothing (404 or 403)',
    hint: `${local ? 'is the medium mounted, ' : ''}is the URL the base of the tree, and are product and channel spelt as published`,
  });
}

/**
 * Step 5: fetched bytes to a pointer that the root's channel role signed. Pointer and side signature are two
 * files that no host replaces at once, so the pair is read afresh, up to three times while it changes, before it is
 * refused.
 */
export async function readSignedPointer(
  source: Source,
  root: Root,
  want: WantedPointer,
  first: Found,
  signal?: AbortSignal,
): Promise<SignedPointer> {
  let found = first;
  let reads = 0;
  const readPair = async (heard: Heard): Promise<SignedPointer> => {
    reads += 1;
    if (reads === 1) heard.hear(pointerPath(want.product, want.channel), first);
    else {
      const fetched = await fetchPointer(heard, want, { fresh: true, signal });
      if (fetched.status === 'found') found = fetched;
    }
    const { sha256, blocks } = await collectBlocks(heard, root, want, found, signal);
    const pointer = checkPointer(root, want, found.bytes, blocks, found.url);
    return { pointer, bytes: found.bytes, sha256, blocks };
  };
  return untilItsWord(source, signal, readPair, RE_READS);
}

/** The blocks under the pointer's digest; where they do not suffice, those beside the pointer as well. */
async function collectBlocks(
  source: Source,
  root: Root,
  want: WantedPointer,
  found: Found,
  signal?: AbortSignal,
): Promise<{ sha256: string; blocks: SignatureBlock[] }> {
  const sha256 = sha256Hex(found.bytes);
  const published = await attempt(readSignatures(source, sha256, signal));
  const role = channelRole(root, want.channel);
  if (published.blocks.length > 0 && isMet(root, role, found.bytes, published.blocks)) {
    return { sha256, blocks: published.blocks };
  }
  const path = sideSignaturePath(want.product, want.channel);
  const side = await attempt(readSignatureFile(source, path, signal));
  const blocks = unite(published.blocks, side.blocks);
  if (blocks.length === 0) throw side.error ?? published.error ?? notSigned(found.url);
  return { sha256, blocks };
}

/** Whether the root's channel role vouches for these bytes. */
export function isPointerSigned(
  root: Root,
  { channel }: Pick<WantedPointer, 'channel'>,
  { bytes, blocks }: Pick<SignedPointer, 'bytes' | 'blocks'>,
): boolean {
  return isMet(root, channelRole(root, channel), bytes, blocks);
}

/** A signature file that cannot be read counts as none, unless no other helps. */
async function attempt(
  reading: Promise<SignatureBlock[]>,
): Promise<{ blocks: SignatureBlock[]; error?: QxError }> {
  try {
    return { blocks: await reading };
  } catch (error) {
    const unreadable =
      error instanceof QxError &&
      (error.code === 'signature' || error.code === 'malformed');
    if (!unreadable) throw error;
    return { blocks: [], error };
  }
}

function isMet(
  root: Root,
  role: string,
  bytes: Uint8Array,
  blocks: SignatureBlock[],
): boolean {
  try {
    return verifyRole(root, role, bytes, blocks).length > 0;
  } catch {
    return false;
  }
}

function notSigned(where: string): QxError {
  return new QxError('signature', 'the pointer is not signed', {
    where,
    expected: 'signatures/<its SHA-256>.minisig, or <pointer>.minisig',
    found: 'neither',
    hint: 'the publisher signs it with "qx-repo sign" or "minisign -S"',
  });
}

/**
 * A pointer's bytes held against root and wish: signature first, then type, repository, product and channel.
 * Serial and expiry depend on state and clock and are checked by checkFreshness.
 */
export function checkPointer(
  root: Root,
  want: WantedPointer,
  bytes: Uint8Array,
  blocks: SignatureBlock[],
  where: string,
): Pointer {
  verifyRole(root, channelRole(root, want.channel), bytes, blocks, where);
  const pointer = parsePointer(bytes, where);
  for (const field of ['repository', 'product', 'channel'] as const) {
    if (pointer[field] !== want[field]) {
      throw new QxError('malformed', `the pointer is of another ${field}`, {
        where,
        expected: want[field],
        found: pointer[field],
        hint: 'somebody put a signed file in the place of another; ask the publisher',
      });
    }
  }
  if (pointer.root > root.version) {
    throw new QxError('stale', 'a newer trust root is withheld', {
      where,
      expected: `root ${pointer.root} or later`,
      found: `root ${root.version}`,
      hint: 'the host or a cache in between does not serve all of root/; try another mirror',
    });
  }
  return pointer;
}

/** An expired pointer is QxError `stale`. `now` in milliseconds since 1970. */
export function checkPointerExpiry(pointer: Pointer, now: number, where: string): void {
  if (Date.parse(pointer.expires) > now) return;
  throw new QxError('stale', 'the pointer has expired', {
    where,
    expected: `expires after ${formatTime(now)}`,
    found: pointer.expires,
    hint: 'the publisher signs it anew with "qx-repo sign"; is the clock of this host right',
  });
}
