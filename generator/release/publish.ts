import { QxError } from '../../client/format/error.ts';
import { type Manifest, parseManifest } from '../../client/format/manifest.ts';
import type { SignatureBlock } from '../../client/format/minisign/signature.ts';
import { type Pointer, parsePointer } from '../../client/format/pointer.ts';
import { channelRole } from '../../client/format/root.ts';
import {
  manifestPath,
  pointerPath,
  sideSignaturePath,
  signaturePath,
} from '../../client/format/tree.ts';
import { writeOlderAnswers } from '../older-api/write.ts';
import { descriptorOf, sha256Of } from '../tree/digest.ts';
import { writeIndexes } from '../tree/indexes.ts';
import { addRelease } from '../tree/releases.ts';
import { writeSchemas } from '../tree/schemas.ts';
import { addBlocks, blocksOf, writeBlocks } from '../tree/signatures.ts';
import { dropPending, listPending, savePending } from '../workspace/pending.ts';
import {
  channelKey,
  readSerials,
  recordSerial,
  withoutItsKey,
} from '../workspace/serials.ts';
import type { Session } from './session.ts';
import { type SignedDocument, signDocument, trustedComment } from './sign-document.ts';

/** Where a document is now: in the tree, or waiting for other signers. */
export interface Published {
  state: 'published' | 'pending';
  sha256: string;
  /** "2 of 2" signatures. */
  signatures: string;
  /** Relative to the tree, or the absolute file that the others sign. */
  path: string;
}

/** The signatures of a manifest, with those that stand; nothing is written. */
export function signManifest(
  session: Session,
  bytes: Buffer,
  standing: readonly SignatureBlock[] = [],
): Promise<SignedDocument> {
  const manifest = parseManifest(bytes);
  const comment = manifestComment(manifest, sha256Of(bytes));
  return signDocument(session.root, 'release', bytes, standing, session.keys, comment);
}

/** Signs a manifest and puts it into the tree: manifest, then signature. Its objects are there already. */
export async function publishManifest(
  session: Session,
  bytes: Buffer,
  standing: readonly SignatureBlock[] = [],
): Promise<Published> {
  const { tree } = session.workspace;
  const manifest = parseManifest(bytes);
  const sha256 = sha256Of(bytes);
  const signed = await signManifest(session, bytes, standing);
  const about = { sha256, signatures: signed.have };
  if (!signed.complete) {
    const path = await savePending(session.workspace, bytes, signed.blocks);
    return { state: 'pending', path, ...about };
  }
  await tree.write(manifestPath(sha256), bytes);
  await writeSchemas(tree);
  await addBlocks(tree, signaturePath(sha256), session.root, bytes, signed.blocks);
  await dropPending(session.workspace, sha256);
  addRelease(session.index, manifest, descriptorOf(bytes));
  return { state: 'published', path: manifestPath(sha256), ...about };
}

/** Signs a pointer and moves the channel: signature, side signature, then the pointer itself. */
export async function publishPointer(
  session: Session,
  bytes: Buffer,
  standing: readonly SignatureBlock[] = [],
): Promise<Published> {
  const pointer = parsePointer(bytes);
  const { product, channel } = pointer;
  const role = channelRole(session.root, channel);
  const comment = pointerComment(pointer);
  const signed = await signDocument(
    session.root,
    role,
    bytes,
    standing,
    session.keys,
    comment,
  );
  const sha256 = sha256Of(bytes);
  const about = { sha256, signatures: signed.have };
  await dropOlderPending(session, pointer, sha256);
  if (!signed.complete) {
    const path = await savePending(session.workspace, bytes, signed.blocks);
    return { state: 'pending', path, ...about };
  }
  await placePointer(session, pointer, bytes, signed.blocks);
  return { state: 'published', path: pointerPath(product, channel), ...about };
}

/** The last step of a run: pages for people, which no program trusts, and the older server's answers. */
export async function publishIndexes(session: Session): Promise<void> {
  const { tree, config } = session.workspace;
  await writeIndexes(tree, config.repository, session.index);
  await writeOlderAnswers(session);
}

/** The trusted comments under documents, whoever signs them when. */
export function manifestComment(manifest: Manifest, sha256: string): string {
  return trustedComment(manifest.release_date, `${sha256}.json`, releaseWords(manifest));
}

export function pointerComment(pointer: Pointer): string {
  const file = `${pointer.channel}.json`;
  return trustedComment(pointer.issued, file, pointerWords(pointer));
}

export function releaseWords(manifest: Manifest): string {
  return `${manifest.product} ${manifest.version} ${manifest.arch} release ${manifest.release}`;
}

export function pointerWords(pointer: Pointer): string {
  return `${pointer.product}/${pointer.channel} ${pointer.version} serial ${pointer.serial}`;
}

/**
 * The serial is recorded before the pointer moves. A run that is cut off in between finds its own bytes
 * again when it makes them again, and otherwise takes the next number: none is ever given to two pointers.
 */
export async function placePointer(
  session: Session,
  pointer: Pointer,
  bytes: Buffer,
  blocks: readonly SignatureBlock[],
): Promise<void> {
  const { workspace } = session;
  const { tree } = workspace;
  const { product, channel, serial, version } = pointer;
  const sha256 = sha256Of(bytes);
  await refuseSpentSerial(session, pointer, sha256);
  await recordSerial(workspace, product, channel, { serial, version, sha256 });
  await addBlocks(tree, signaturePath(sha256), session.root, bytes, blocks);
  const all = await blocksOf(tree, bytes);
  await writeBlocks(tree, sideSignaturePath(product, channel), all);
  await tree.write(pointerPath(product, channel), bytes);
  await dropPending(workspace, sha256);
}

/** A channel has one pointer that waits at the most. */
async function dropOlderPending(
  session: Session,
  pointer: Pointer,
  sha256: string,
): Promise<void> {
  for (const document of await listPending(session.workspace)) {
    if (document.type !== 'pointer' || document.sha256 === sha256) continue;
    const { product, channel } = document.pointer;
    if (product !== pointer.product || channel !== pointer.channel) continue;
    await dropPending(session.workspace, document.sha256);
  }
}

/** Between the making of a pointer and its last signature another one may have taken the number. */
async function refuseSpentSerial(
  session: Session,
  pointer: Pointer,
  sha256: string,
): Promise<void> {
  const key = channelKey(pointer.product, pointer.channel);
  const known = withoutItsKey((await readSerials(session.workspace)).channels[key]);
  if (known === undefined || known.serial < pointer.serial || known.sha256 === sha256)
    return;
  throw new QxError('rollback', 'the serial was given to another pointer meanwhile', {
    where: pointerPath(pointer.product, pointer.channel),
    expected: `${known.serial + 1} or higher`,
    found: `${pointer.serial}`,
    hint: 'make the pointer again (qx-repo point), and let it be signed again',
  });
}
