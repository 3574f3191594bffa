import { join } from 'node:path';
import { channelRole } from '../../client/format/root.ts';
import { type Pointer, parsePointer } from '../../client/format/pointer.ts';
import { QxError } from '../../client/format/error.ts';
import { signaturePath } from '../../client/format/tree.ts';
import { listPointers, readPointer, type StoredPointer } from '../tree/pointers.ts';
import { findRelease } from '../tree/releases.ts';
import { pointerBlocks, readBlocks } from '../tree/signatures.ts';
import { listPending } from '../workspace/pending.ts';
import { channelKey, readSerials, recordFilled } from '../workspace/serials.ts';
import { type EditedPointer, filledIn, readEdited } from './edited-pointer.ts';
import {
  issuePointer,
  knownPointer,
  refuseStepBack,
  refuseWithdrawn,
} from './issue-pointer.ts';
import { sameManifests, wantsRenewal } from './move-pointer.ts';
import { isOutOfReach } from './out-of-reach.ts';
import { placePointer, publishPointer } from './publish.ts';
import type { Session } from './session.ts';
import { judge } from './sign-document.ts';

export interface SignedPointer {
  product: string;
  channel: string;
  version: string;
  serial: number;
  /**
   * `valid`: left alone. `accepted`: signed by hand, its signature was put where hosts look first.
   * `filled`: written and not signed (--fill-only). `published`, `pending`: signed here.
   */
  state: 'valid' | 'accepted' | 'filled' | 'published' | 'pending';
  /** Fields that were filled in or raised. */
  filled: Record<string, unknown>;
  path: string;
  signatures: string;
}

/** What is done to pointers that lack nothing. */
export interface SignMode {
  /** Nothing is signed: somebody else does. */
  fillOnly: boolean;
  /** They are made anew all the same, so that hosts look for a new root at once. */
  renew: boolean;
}

/** Looks at every pointer of the tree and signs those that were edited or are close to their expiry. */
export async function signPointers(
  session: Session,
  mode: SignMode,
): Promise<SignedPointer[]> {
  const { tree } = session.workspace;
  const pending = await listPending(session.workspace);
  const waiting = new Set(pending.map(({ sha256 }) => sha256));
  const done: SignedPointer[] = [];
  for (const [product, channel] of await listPointers(tree)) {
    const stored = await readPointer(tree, session.root, product, channel);
    if (stored === null) continue;
    const waits = stored.problem !== null && waiting.has(stored.sha256);
    done.push(
      await (waits
        ? stillWaiting(session, stored)
        : signPointer(session, stored, mode, waiting)),
    );
  }
  return done;
}

/** These very bytes wait in pending/ for keys that a new trust root asks for: they are not made anew. */
async function stillWaiting(
  { workspace, root }: Session,
  { product, channel, bytes, sha256 }: StoredPointer,
): Promise<SignedPointer> {
  const blocks = await pointerBlocks(workspace.tree, product, channel, bytes);
  const { have } = judge(root, channelRole(root, channel), bytes, blocks);
  const file = join(workspace.paths.pending, `${sha256}.json`);
  return said(bytes, 'pending', {}, file, have);
}

async function signPointer(
  session: Session,
  stored: StoredPointer,
  { fillOnly, renew }: SignMode,
  waiting: ReadonlySet<string>,
): Promise<SignedPointer> {
  const standing = stored.problem === null ? stored.pointer : null;
  if (standing !== null && (await countsForHosts(session, stored, standing))) {
    if (!renew && (fillOnly || !wantsRenewal(standing, session.nowMs)))
      return accept(session, stored, standing, waiting);
  }
  const edited = readEdited(stored);
  if (await isWhole(session, stored, edited)) {
    if (fillOnly) return said(stored.bytes, 'filled', {}, stored.path, '0');
    const blocks = await pointerBlocks(
      session.workspace.tree,
      stored.product,
      stored.channel,
      stored.bytes,
    );
    const { state, path, signatures } = await publishPointer(
      session,
      stored.bytes,
      blocks,
    );
    return said(stored.bytes, state, {}, path, signatures);
  }
  const bytes = await issuePointer(session, edited.draft, edited.serial);
  const filled = filledIn(edited.raw, bytes);
  if (fillOnly) {
    const { product, channel, serial } = parsePointer(bytes);
    await recordFilled(session.workspace, product, channel, serial);
    await session.workspace.tree.write(stored.path, bytes);
    return said(bytes, 'filled', filled, stored.path, '0');
  }
  const { state, path, signatures } = await publishPointer(session, bytes);
  return said(bytes, state, filled, path, signatures);
}

/** A valid signature is not enough: after other bytes with the same serial, hosts refuse this pointer. */
async function countsForHosts(
  session: Session,
  stored: StoredPointer,
  pointer: Pointer,
): Promise<boolean> {
  const key = channelKey(stored.product, stored.channel);
  const recorded = (await readSerials(session.workspace)).channels[key];
  return (
    recorded === undefined ||
    recorded.sha256 === stored.sha256 ||
    pointer.serial > recorded.serial
  );
}

/** Records a pointer that is signed, and puts the signature where hosts look first if it is not there. */
async function accept(
  session: Session,
  stored: StoredPointer,
  pointer: Pointer,
  waiting: ReadonlySet<string>,
): Promise<SignedPointer> {
  const { workspace, root } = session;
  const named = Object.values(pointer.manifests);
  if (!named.some(({ sha256 }) => waiting.has(sha256)))
    await refuseWrongRelease(session, pointer, stored.path);
  const blocks = await pointerBlocks(
    workspace.tree,
    stored.product,
    stored.channel,
    stored.bytes,
  );
  const role = channelRole(root, stored.channel);
  const signed = judge(root, role, stored.bytes, blocks);
  const first = await readBlocks(workspace.tree, signaturePath(stored.sha256));
  const there = judge(root, role, stored.bytes, first).complete;
  await placePointer(session, pointer, stored.bytes, signed.blocks);
  return said(stored.bytes, there ? 'valid' : 'accepted', {}, stored.path, signed.have);
}

/** A pointer that lacks nothing but signatures is signed as it lies, every byte of it. */
async function isWhole(
  session: Session,
  stored: StoredPointer,
  edited: EditedPointer,
): Promise<boolean> {
  const { pointer } = stored;
  if (pointer === null || pointer.root > session.root.version) return false;
  if (isOutOfReach(pointer, session.nowMs)) return false;
  const known = await knownPointer(session, stored.product, stored.channel);
  if (
    known === undefined &&
    !session.first &&
    !(await readSerials(session.workspace)).complete
  ) {
    return false;
  }
  if (edited.serial <= (known?.serial ?? 0)) return false;
  const half = (Date.parse(pointer.expires) - Date.parse(pointer.issued)) / 2;
  if (Date.parse(pointer.expires) - session.nowMs < half) return false;
  refuseStepBack(edited.draft, known, stored.path);
  const { workspace, root, index } = session;
  const { row } = await findRelease(
    workspace.tree,
    root,
    index,
    stored.product,
    pointer.version,
  );
  refuseWithdrawn(row, stored.product);
  return sameManifests(pointer.manifests, row.manifests);
}

/** Signed by hand, and yet hosts would fail on it. */
async function refuseWrongRelease(
  session: Session,
  pointer: Pointer,
  where: string,
): Promise<void> {
  const { workspace, root, index } = session;
  const { row } = await findRelease(
    workspace.tree,
    root,
    index,
    pointer.product,
    pointer.version,
  );
  const known = new Set(Object.values(row.manifests).map(({ sha256 }) => sha256));
  const stray = Object.values(pointer.manifests).find(({ sha256 }) => !known.has(sha256));
  if (stray === undefined) return;
  throw new QxError(
    'malformed',
    'a signed pointer names a manifest that is not of its version',
    {
      where,
      expected: [...known].join(', '),
      found: stray.sha256,
    },
  );
}

function said(
  bytes: Buffer,
  state: SignedPointer['state'],
  filled: Record<string, unknown>,
  path: string,
  signatures: string,
): SignedPointer {
  const { product, channel, version, serial } = parsePointer(bytes);
  return { product, channel, version, serial, state, filled, path, signatures };
}
