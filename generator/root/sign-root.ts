import { type SignatureBlock, unite } from '../../client/format/minisign/signature.ts';
import type { Root } from '../../client/format/root.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import type { Signer } from '../keys/signer.ts';
import { type SignedDocument, judge, signWith } from '../release/sign-document.ts';

/** What root N+1 has of the signatures that it needs: the threshold of root N's keys, and of its own. */
export function judgeRoot(
  current: Root,
  next: Root,
  bytes: Uint8Array,
  blocks: readonly SignatureBlock[],
): SignedDocument {
  const before = judge(current, 'root', bytes, blocks);
  const after = judge(next, 'root', bytes, blocks);
  return {
    blocks: unite(before.blocks, after.blocks),
    complete: before.complete && after.complete,
    have: `${before.have} of root ${current.version}, ${after.have} of root ${next.version}`,
  };
}

/** Ids of the keys that made these blocks, each once. */
export function signersOf(blocks: readonly SignatureBlock[]): string[] {
  return [...new Set(blocks.map(({ keyId }) => keyId))];
}

/** Adds a signature of each key at hand that counts for either root and has not signed yet. */
export async function signRoot(
  current: Root,
  next: Root,
  bytes: Uint8Array,
  standing: readonly SignatureBlock[],
  keys: KeyRing,
  trustedComment: string,
): Promise<SignedDocument> {
  const before = judgeRoot(current, next, bytes, standing);
  if (before.complete) return before;
  const signers = await rootKeys(keys, [current, next]);
  const fresh = await signWith(signers, bytes, trustedComment, before.blocks);
  return judgeRoot(current, next, bytes, unite(before.blocks, fresh));
}

/** Keys at hand that sign for any of these roots, each once. */
export async function rootKeys(keys: KeyRing, roots: readonly Root[]): Promise<Signer[]> {
  const found = new Map<string, Signer>();
  for (const root of roots) {
    for (const key of await keys.atHand(root, 'root')) found.set(key.id, key);
  }
  return [...found.values()];
}
