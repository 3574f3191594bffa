import { LIMITS } from '../../client/format/limits.ts';
import { parseManifest } from '../../client/format/manifest.ts';
import { type SignatureBlock, unite } from '../../client/format/minisign/signature.ts';
import { type Root, channelRole } from '../../client/format/root.ts';
import {
  manifestPath,
  sideSignaturePath,
  signaturePath,
} from '../../client/format/tree.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import { isOutOfReach } from '../release/out-of-reach.ts';
import {
  manifestComment,
  pointerComment,
  pointerWords,
  releaseWords,
} from '../release/publish.ts';
import { judge, signDocument } from '../release/sign-document.ts';
import { sha256Of } from '../tree/digest.ts';
import { listPointers, readPointer } from '../tree/pointers.ts';
import { loadReleases } from '../tree/releases.ts';
import { addBlocks, blocksOf, pointerBlocks, writeBlocks } from '../tree/signatures.ts';
import {
  type PendingUnderRoot,
  dropPending,
  listPending,
  savePending,
} from '../workspace/pending.ts';
import type { Workspace } from '../workspace/workspace.ts';

/** A document of the tree that counts under root N, and whose signatures do not suffice under root N+1. */
export interface Outdated {
  /** "manifest quantix-os 1.4.2 x86_64 release 7" */
  document: string;
  /** Under the next root. */
  role: string;
  bytes: Buffer;
  /** Those that it has, in the tree and in pending/. */
  blocks: SignatureBlock[];
  trustedComment: string;
  /** Of a pointer: where stock minisign looks. */
  side: string | null;
  /** True for a pointer after which no honest one counts: the new key does not vouch for it. */
  outOfReach: boolean;
}

export interface Countersigned {
  document: string;
  sha256: string;
  /** `left`: a pointer after which no honest one counts; `qx-repo sign` makes it anew. */
  state: 'signed' | 'pending' | 'left';
  /** "1 of 2", as the next root counts. */
  signatures: string;
  /** The signature in the tree, where it would be, or the absolute file that waits for other signers. */
  path: string;
}

/**
 * Signs again, bytes unchanged, what root `next` takes the worth from. The blocks are added to those that stand,
 * so everything counts under both roots before `next` goes out; what lacks a key waits in pending/.
 */
export async function countersign(
  workspace: Workspace,
  current: Root,
  next: Root,
  keys: KeyRing,
): Promise<Countersigned[]> {
  const tolerant: KeyRing = { ...keys, forRole: keys.atHand };
  const done: Countersigned[] = [];
  for (const each of await outdated(workspace, current, next))
    done.push(await countersignOne(workspace, next, each, tolerant));
  return done;
}

/**
 * True when a pending document lies in the tree and counts there: it does not wait for root `current` then,
 * but for the one that follows.
 */
export async function isPlaced(
  { tree }: Workspace,
  current: Root,
  document: PendingUnderRoot,
): Promise<boolean> {
  const { sha256, bytes } = document;
  if (document.type === 'pointer') {
    const { product, channel } = document.pointer;
    const stored = await readPointer(tree, current, product, channel);
    return stored?.sha256 === sha256 && stored.problem === null;
  }
  if ((await tree.info(manifestPath(sha256))) === null) return false;
  return judge(current, 'release', bytes, await blocksOf(tree, bytes)).complete;
}

async function countersignOne(
  workspace: Workspace,
  next: Root,
  { document, role, bytes, blocks, trustedComment: comment, side, outOfReach }: Outdated,
  keys: KeyRing,
): Promise<Countersigned> {
  const { tree } = workspace;
  const sha256 = sha256Of(bytes);
  const path = signaturePath(sha256);
  if (outOfReach) {
    const { have } = judge(next, role, bytes, blocks);
    return { document, sha256, state: 'left', signatures: have, path };
  }
  const signed = await signDocument(next, role, bytes, blocks, keys, comment);
  const about = { document, sha256, signatures: signed.have };
  if (!signed.complete) {
    const file = await savePending(workspace, bytes, signed.blocks);
    return { ...about, state: 'pending', path: file };
  }
  await addBlocks(tree, path, next, bytes, signed.blocks);
  if (side !== null) await writeBlocks(tree, side, await blocksOf(tree, bytes));
  await dropPending(workspace, sha256);
  return { ...about, state: 'signed', path };
}

/** Manifests first, as hosts need them for the pointer. */
export async function outdated(
  workspace: Workspace,
  current: Root,
  next: Root,
): Promise<Outdated[]> {
  const all = [
    ...(await manifests(workspace, current)),
    ...(await pointers(workspace, current, next)),
  ];
  const waiting = new Map(
    (await listPending(workspace)).map(({ sha256, blocks }) => [sha256, blocks]),
  );
  return all
    .filter(({ role, bytes, blocks }) => !judge(next, role, bytes, blocks).complete)
    .map((each) => {
      const more = waiting.get(sha256Of(each.bytes)) ?? [];
      return { ...each, blocks: unite(each.blocks, more) };
    });
}

/** What a release page lists; a release that was withdrawn is left behind: nothing will point to it again. */
async function manifests(workspace: Workspace, current: Root): Promise<Outdated[]> {
  const { tree } = workspace;
  const { rows } = await loadReleases(tree, current);
  const listed = [...rows.values()]
    .flat()
    .filter(({ withdrawn }) => withdrawn === undefined);
  const found: Outdated[] = [];
  for (const { sha256 } of listed.flatMap((row) => Object.values(row.manifests))) {
    const bytes = await tree.read(manifestPath(sha256), LIMITS.manifestBytes);
    if (bytes === null || sha256Of(bytes) !== sha256) continue;
    const blocks = await blocksOf(tree, bytes);
    if (!judge(current, 'release', bytes, blocks).complete) continue;
    const manifest = parseManifest(bytes, manifestPath(sha256));
    const document = `manifest ${releaseWords(manifest)}`;
    const comment = manifestComment(manifest, sha256);
    const about = { document, bytes, blocks, trustedComment: comment };
    found.push({ ...about, role: 'release', side: null, outOfReach: false });
  }
  return found;
}

/** One that was edited and not signed yet is left to `qx-repo sign`. */
async function pointers(
  workspace: Workspace,
  current: Root,
  next: Root,
): Promise<Outdated[]> {
  const { tree, effects } = workspace;
  const nowMs = effects.clock.now();
  const found: Outdated[] = [];
  for (const [product, channel] of await listPointers(tree)) {
    const stored = await readPointer(tree, current, product, channel);
    if (!stored?.pointer || stored.problem !== null) continue;
    const { pointer, bytes } = stored;
    found.push({
      document: `pointer ${pointerWords(pointer)}`,
      role: channelRole(next, channel),
      bytes,
      blocks: await pointerBlocks(tree, product, channel, bytes),
      trustedComment: pointerComment(pointer),
      side: sideSignaturePath(product, channel),
      outOfReach: isOutOfReach(pointer, nowMs),
    });
  }
  return found;
}
