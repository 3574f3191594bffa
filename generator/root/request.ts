import { QxError } from '../../client/format/error.ts';
import type { SignatureBlock } from '../../client/format/minisign/signature.ts';
import { type Root, encodeRoot } from '../../client/format/root.ts';
import { rootPath, signaturePath } from '../../client/format/tree.ts';
import { nextRoot } from '../../client/format/trust.ts';
import { type KeyRing, NO_KEYS } from '../keys/key-ring.ts';
import { rootComment } from '../release/sign-document.ts';
import { sha256Of } from '../tree/digest.ts';
import { writeBlocks } from '../tree/signatures.ts';
import {
  type PendingDocument,
  dropPending,
  listPending,
  savePending,
} from '../workspace/pending.ts';
import type { Workspace } from '../workspace/workspace.ts';
import { type Countersigned, countersign } from './countersign.ts';
import { judgeRoot, signRoot, signersOf } from './sign-root.ts';

/** Root N+1 while it waits in pending/ for signatures. */
export type RootRequest = Extract<PendingDocument, { type: 'root' }>;

export interface RootStep {
  /** `held`: signed by everybody, and documents of the tree still lack signatures that it asks for. */
  state: 'published' | 'pending' | 'held';
  root: Root;
  /** In the tree, or the absolute file that the others sign. */
  path: string;
  signatures: string;
  /** Ids of the keys that signed and count. */
  signers: string[];
  countersigned: Countersigned[];
  /** True where the keys at hand were not used: `qx-repo sign` does. */
  unasked?: boolean;
}

export interface RootWork {
  workspace: Workspace;
  /** Root N. */
  current: Root;
  keys: KeyRing;
  /** Time in the comment of signatures. */
  issued: string;
  /** Publish though documents of the tree lack signatures: hosts refuse those until they have them. */
  now: boolean;
}

/**
 * The request that waits for root N+1, if there is one; those that another root overtook are forgotten.
 * QxError `config` for two: nobody can know which one is meant.
 */
export async function findRequest(
  workspace: Workspace,
  current: Root,
): Promise<RootRequest | null> {
  const found: RootRequest[] = [];
  for (const document of await listPending(workspace)) {
    if (document.type !== 'root') continue;
    if (document.root.version === current.version + 1) found.push(document);
    else await dropPending(workspace, document.sha256);
  }
  if (found.length < 2) return found[0] ?? null;
  throw new QxError('config', 'two requests for one trust root wait for signatures', {
    where: workspace.paths.pending,
    found: found.map(({ sha256 }) => `${sha256.slice(0, 16)}….json`).join(', '),
    hint: 'remove the file of the one that is not meant; "qx-repo root show" tells them apart',
  });
}

/** Puts a request into pending/ in the place of the one that waited; signatures of other bytes go with it. */
export async function makeRequest(
  workspace: Workspace,
  root: Root,
  standing: RootRequest | null,
): Promise<RootRequest> {
  const bytes = encodeRoot(root);
  const sha256 = sha256Of(bytes);
  const blocks = standing?.sha256 === sha256 ? standing.blocks : [];
  const file = await savePending(workspace, bytes, blocks);
  if (standing !== null && standing.sha256 !== sha256)
    await dropPending(workspace, standing.sha256);
  return { type: 'root', root, bytes, sha256, blocks, file };
}

/**
 * Takes a request as far as the keys at hand and the signatures in pending/ carry it: root N+1 signed to both
 * thresholds; then what it takes the worth from signed again; then the signature of the root, then the root.
 * Cut off anywhere, all that is served counts, and `qx-repo sign` does the rest.
 */
export async function advance(work: RootWork, request: RootRequest): Promise<RootStep> {
  const { workspace, current, keys } = work;
  const { root, bytes } = request;
  const comment = rootComment(root, work.issued);
  const signed = await signRoot(current, root, bytes, request.blocks, keys, comment);
  const about = { root, signatures: signed.have, signers: signersOf(signed.blocks) };
  const file = await savePending(workspace, bytes, signed.blocks);
  if (!signed.complete)
    return {
      ...about,
      state: 'pending',
      path: file,
      countersigned: [],
      unasked: keys === NO_KEYS,
    };
  const countersigned = await countersign(workspace, current, root, keys);
  const lacking = countersigned.some(({ state }) => state === 'pending');
  if (lacking && !work.now) return { ...about, state: 'held', path: file, countersigned };
  await publishRoot(workspace, current, request, signed.blocks);
  const path = rootPath(root.version);
  return { ...about, state: 'published', path, countersigned };
}

/** What a request has so far; nothing is signed. */
export function standingOf({ current }: RootWork, request: RootRequest): RootStep {
  const { root, bytes, blocks, file } = request;
  const { have, blocks: counting } = judgeRoot(current, root, bytes, blocks);
  const about = { root, signatures: have, signers: signersOf(counting) };
  return { ...about, state: 'pending', path: file, countersigned: [], unasked: true };
}

async function publishRoot(
  workspace: Workspace,
  current: Root,
  { bytes, sha256, root }: RootRequest,
  blocks: readonly SignatureBlock[],
): Promise<void> {
  const { tree } = workspace;
  const path = rootPath(root.version);
  nextRoot(current, bytes, blocks, path);
  await writeBlocks(tree, signaturePath(sha256), blocks);
  await tree.write(path, bytes);
  await dropPending(workspace, sha256);
}
