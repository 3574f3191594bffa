import { type SignatureBlock, unite } from '../../client/format/minisign/signature.ts';
import { NO_KEYS } from '../keys/key-ring.ts';
import { countingBlocks } from '../release/sign-document.ts';
import { listPending, roleOf, savePending } from '../workspace/pending.ts';
import { isPlaced } from './countersign.ts';
import {
  type RootRequest,
  type RootStep,
  type RootWork,
  advance,
  findRequest,
} from './request.ts';
import { judgeRoot } from './sign-root.ts';

/** A signature file that somebody sent. */
export interface SentSignatures {
  path: string;
  blocks: SignatureBlock[];
}

export interface SignedRequest {
  /** Null where no request waits, and where none of the sent signatures is for it. */
  step: RootStep | null;
  /** Signatures that are of something else. */
  rest: SentSignatures[];
}

/** `qx-repo sign` for a root that waits: with the keys at hand, or with what was sent alone. */
export async function signRequest(
  work: RootWork,
  sent: readonly SentSignatures[],
): Promise<SignedRequest> {
  const request = await findRequest(work.workspace, work.current);
  if (request === null) return { step: null, rest: [...sent] };
  if (sent.length === 0) return { step: await advance(work, request), rest: [] };
  const rest: SentSignatures[] = [];
  let standing = request;
  for (const each of sent) {
    const taken = await takeForRoot(work, standing, each.blocks);
    const counted =
      (await takeForDocuments(work, request, each.blocks)) || taken !== null;
    standing = taken ?? standing;
    if (!counted) rest.push(each);
  }
  if (rest.length === sent.length) return { step: null, rest };
  return { step: await advance({ ...work, keys: NO_KEYS }, standing), rest };
}

/** The request with the blocks that count for it; null where none does. */
async function takeForRoot(
  { workspace, current }: RootWork,
  request: RootRequest,
  blocks: readonly SignatureBlock[],
): Promise<RootRequest | null> {
  const counting = judgeRoot(current, request.root, request.bytes, blocks).blocks;
  if (counting.length === 0) return null;
  const all = unite(request.blocks, counting);
  await savePending(workspace, request.bytes, all);
  return { ...request, blocks: all };
}

/** Blocks for documents of the tree that the new root asks signatures of. False where none counts. */
async function takeForDocuments(
  { workspace, current }: RootWork,
  { root }: RootRequest,
  blocks: readonly SignatureBlock[],
): Promise<boolean> {
  let taken = false;
  for (const document of await listPending(workspace)) {
    if (document.type === 'root') continue;
    const { bytes } = document;
    const counting = countingBlocks(root, roleOf(root, document), bytes, blocks);
    if (counting.length === 0 || !(await isPlaced(workspace, current, document)))
      continue;
    await savePending(workspace, bytes, unite(document.blocks, counting));
    taken = true;
  }
  return taken;
}
