import { QxError } from '../../client/format/error.ts';
import {
  type SignatureBlock,
  unite,
  verifyBlock,
} from '../../client/format/minisign/signature.ts';
import { type Root, keysOfRole } from '../../client/format/root.ts';
import { verifyRole } from '../../client/format/trust.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import type { Signer } from '../keys/signer.ts';

export interface SignedDocument {
  /** Only what counts: valid, by keys of the role. */
  blocks: SignatureBlock[];
  /** True once the role's threshold is met. */
  complete: boolean;
  /** "1 of 2" */
  have: string;
}

/** The blocks that count for a role: made by one of its keys, of these very bytes. */
export function countingBlocks(
  root: Root,
  role: string,
  bytes: Uint8Array,
  blocks: readonly SignatureBlock[],
): SignatureBlock[] {
  const keys = keysOfRole(root, root.roles[role] ?? { keys: [], threshold: 1 });
  return blocks.filter((block) => keys.some((key) => verifyBlock(block, key, bytes)));
}

export function judge(
  root: Root,
  role: string,
  bytes: Uint8Array,
  blocks: readonly SignatureBlock[],
): SignedDocument {
  const counting = countingBlocks(root, role, bytes, blocks);
  const signers = new Set(counting.map((block) => block.keyId)).size;
  const have = `${signers} of ${root.roles[role]?.threshold ?? 1}`;
  try {
    verifyRole(root, role, bytes, counting);
    return { blocks: counting, complete: true, have };
  } catch (error) {
    if (!(error instanceof QxError) || error.code !== 'signature') throw error;
    return { blocks: counting, complete: false, have };
  }
}

/**
 * Adds a signature of each key at hand that has not signed yet; none is needed when the threshold is met.
 * What comes out was verified as a host verifies it.
 */
export async function signDocument(
  root: Root,
  role: string,
  bytes: Uint8Array,
  standing: readonly SignatureBlock[],
  keys: KeyRing,
  trustedComment: string,
): Promise<SignedDocument> {
  const before = judge(root, role, bytes, standing);
  if (before.complete) return before;
  const signers = await keys.forRole(root, role);
  const fresh = await signWith(signers, bytes, trustedComment, before.blocks);
  return judge(root, role, bytes, unite(before.blocks, fresh));
}

/** A signature by each of these that has not signed yet, one after the other. */
export async function signWith(
  signers: readonly Signer[],
  bytes: Uint8Array,
  trustedComment: string,
  standing: readonly SignatureBlock[] = [],
): Promise<SignatureBlock[]> {
  const fresh: SignatureBlock[] = [];
  for (const signer of signers) {
    if (standing.some(({ keyId }) => keyId === signer.id)) continue;
    fresh.push(await signer.sign(bytes, trustedComment));
  }
  return fresh;
}

/** `timestamp:1767182400	file:stable.json	hashed	quantix-os/stable 1.4.2 serial 7`; the first three as minisign says them. */
export function trustedComment(time: string, file: string, what: string): string {
  return `timestamp:${Date.parse(time) / 1000}\tfile:${file}\thashed\t${what}`;
}

/** The same of trust root `version`. */
export function rootComment(
  { repository, version }: Pick<Root, 'repository' | 'version'>,
  time: string,
): string {
  return trustedComment(time, `${version}.json`, `${repository} root ${version}`);
}
