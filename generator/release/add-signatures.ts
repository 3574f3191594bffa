import { QxError } from '../../client/format/error.ts';
import { type SignatureBlock, unite } from '../../client/format/minisign/signature.ts';
import { channelRole } from '../../client/format/root.ts';
import { sideSignaturePath } from '../../client/format/tree.ts';
import { listPointers, readPointer } from '../tree/pointers.ts';
import { pointerBlocks, writeBlocks } from '../tree/signatures.ts';
import { NO_KEYS } from '../keys/key-ring.ts';
import { isPlaced } from '../root/countersign.ts';
import {
  type PendingUnderRoot,
  dropPending,
  listPending,
  roleOf,
} from '../workspace/pending.ts';
import {
  placePointer,
  pointerWords,
  publishManifest,
  publishPointer,
  releaseWords,
} from './publish.ts';
import type { Session } from './session.ts';
import { countingBlocks, judge } from './sign-document.ts';

export interface Cosigned {
  /** "manifest quantix-os 1.4.2 …" */
  document: string;
  state: 'published' | 'pending';
  path: string;
  signatures: string;
}

/**
 * Gives signatures that were made elsewhere to the documents they are of: those that wait in pending/, and
 * pointers in the tree. QxError `signature` when they are of none.
 */
export async function addSignatures(
  session: Session,
  blocks: readonly SignatureBlock[],
  where: string,
): Promise<Cosigned[]> {
  const without = { ...session, keys: NO_KEYS };
  const done: Cosigned[] = [];
  for (const document of await waitingDocuments(session)) {
    const role = roleOf(session.root, document);
    const counting = countingBlocks(session.root, role, document.bytes, blocks);
    if (counting.length > 0) done.push(await finish(without, document, counting));
  }
  done.push(...(await addToPointers(without, blocks)));
  if (done.length > 0) return done;
  throw new QxError('signature', 'signatures of no document that is here', {
    where,
    found: blocks.map(({ keyId }) => keyId).join(', '),
    hint: 'sign the very file in pending/ with a key of its role',
  });
}

/** Signs what waits with the keys at hand; a document that none of them fits goes on waiting. */
export async function signPending(session: Session): Promise<Cosigned[]> {
  const done: Cosigned[] = [];
  for (const document of await waitingDocuments(session)) {
    try {
      done.push(await finish(session, document, []));
    } catch (error) {
      if (!(error instanceof QxError) || error.code !== 'config') throw error;
      const { have } = judge(
        session.root,
        roleOf(session.root, document),
        document.bytes,
        document.blocks,
      );
      done.push({
        document: named(document),
        state: 'pending',
        path: document.file,
        signatures: have,
      });
    }
  }
  return done;
}

/** What waits for keys of today's root. What lies in the tree already waits for the next one, if there is to be one. */
async function waitingDocuments({
  workspace,
  root,
}: Session): Promise<PendingUnderRoot[]> {
  const all = await listPending(workspace);
  const hasRequest = all.some(({ type }) => type === 'root');
  const waiting: PendingUnderRoot[] = [];
  for (const document of all) {
    if (document.type === 'root') continue;
    if (!(await isPlaced(workspace, root, document))) waiting.push(document);
    else if (!hasRequest) await dropPending(workspace, document.sha256);
  }
  return waiting;
}

async function finish(
  session: Session,
  document: PendingUnderRoot,
  more: readonly SignatureBlock[],
): Promise<Cosigned> {
  const blocks = unite(document.blocks, more);
  const { state, path, signatures } =
    document.type === 'manifest'
      ? await publishManifest(session, document.bytes, blocks)
      : await publishPointer(session, document.bytes, blocks);
  return { document: named(document), state, path, signatures };
}

async function addToPointers(
  session: Session,
  blocks: readonly SignatureBlock[],
): Promise<Cosigned[]> {
  const { tree } = session.workspace;
  const done: Cosigned[] = [];
  for (const [product, channel] of await listPointers(tree)) {
    const stored = await readPointer(tree, session.root, product, channel);
    if (!stored?.pointer) continue;
    const { pointer, bytes, path } = stored;
    const role = channelRole(session.root, channel);
    const counting = countingBlocks(session.root, role, bytes, blocks);
    if (counting.length === 0) continue;
    const standing = await pointerBlocks(tree, product, channel, bytes);
    const signed = judge(session.root, role, bytes, unite(standing, counting));
    if (signed.complete) await placePointer(session, pointer, bytes, signed.blocks);
    else await writeBlocks(tree, sideSignaturePath(product, channel), signed.blocks);
    const state = signed.complete ? 'published' : 'pending';
    done.push({
      document: `pointer ${pointerWords(pointer)}`,
      state,
      path,
      signatures: signed.have,
    });
  }
  return done;
}

function named(document: PendingUnderRoot): string {
  return document.type === 'manifest'
    ? `manifest ${releaseWords(document.manifest)}`
    : `pointer ${pointerWords(document.pointer)}`;
}
