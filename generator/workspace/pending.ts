import { join } from 'node:path';
import { listIfThere, readIfThere, writeDurably } from '../../client/effects/durable.ts';
import { QxError } from '../../client/format/error.ts';
import { LIMITS } from '../../client/format/limits.ts';
import { type Manifest, parseManifest } from '../../client/format/manifest.ts';
import {
  type SignatureBlock,
  encodeSignatures,
  parseSignatures,
} from '../../client/format/minisign/signature.ts';
import { type Pointer, parsePointer } from '../../client/format/pointer.ts';
import { type Root, channelRole, parseRoot } from '../../client/format/root.ts';
import { parseStrictJson } from '../../client/format/strict-json.ts';
import { sha256Of } from '../tree/digest.ts';
import type { Workspace } from './workspace.ts';

/** A document that is whole but for signatures, in the folder pending/. */
export type PendingDocument = {
  sha256: string;
  /** Absolute; what the other signers sign. */
  file: string;
  bytes: Buffer;
  blocks: SignatureBlock[];
} & (
  | { type: 'manifest'; manifest: Manifest }
  | { type: 'pointer'; pointer: Pointer }
  | { type: 'root'; root: Root }
);

/** Everything but a root, which is signed by the keys of two roots (generator/root/). */
export type PendingUnderRoot = Exclude<PendingDocument, { type: 'root' }>;

export async function listPending(workspace: Workspace): Promise<PendingDocument[]> {
  const { files } = workspace.effects;
  const folder = workspace.paths.pending;
  const found: PendingDocument[] = [];
  for (const name of await listIfThere(files, folder)) {
    if (!/^[0-9a-f]{64}\.json$/.test(name)) continue;
    const file = join(folder, name);
    const bytes = await files.read(file, LIMITS.manifestBytes);
    const sha256 = name.slice(0, 64);
    if (sha256Of(bytes) !== sha256) throw edited(file, sha256, sha256Of(bytes));
    const signatures = await readIfThere(
      files,
      join(folder, `${sha256}.minisig`),
      LIMITS.signatureBytes,
    );
    const blocks =
      signatures === null ? [] : parseSignatures(signatures, `pending/${sha256}.minisig`);
    found.push({ sha256, file, bytes, blocks, ...parsePending(bytes, file) });
  }
  return found;
}

/** The role whose keys sign a document. */
export function roleOf(
  root: Root,
  document:
    { type: 'root' } | { type: 'manifest' } | { type: 'pointer'; pointer: Pointer },
): string {
  if (document.type === 'root') return 'root';
  return document.type === 'manifest'
    ? 'release'
    : channelRole(root, document.pointer.channel);
}

/** Keeps a document until its threshold is met. Gives the absolute path of what the others sign. */
export async function savePending(
  workspace: Workspace,
  bytes: Uint8Array,
  blocks: readonly SignatureBlock[],
): Promise<string> {
  const { files } = workspace.effects;
  const stem = join(workspace.paths.pending, sha256Of(bytes));
  if (workspace.dryRun) return `${stem}.json`;
  await files.makeDirectory(workspace.paths.pending);
  if (blocks.length > 0) {
    await writeDurably(files, `${stem}.minisig`, encodeSignatures([...blocks]));
  }
  await writeDurably(files, `${stem}.json`, bytes);
  return `${stem}.json`;
}

/** Forgets a document that was published or replaced. */
export async function dropPending(workspace: Workspace, sha256: string): Promise<void> {
  if (workspace.dryRun) return;
  const { files } = workspace.effects;
  await files.remove(join(workspace.paths.pending, `${sha256}.json`));
  await files.remove(join(workspace.paths.pending, `${sha256}.minisig`));
}

function parsePending(bytes: Buffer, file: string) {
  const raw = parseStrictJson(bytes, 'document', LIMITS.manifestBytes);
  const type = (raw as { type?: unknown } | null)?.type;
  if (type === 'manifest') return { type, manifest: parseManifest(bytes, file) } as const;
  if (type === 'root') return { type, root: parseRoot(bytes, file) } as const;
  return { type: 'pointer', pointer: parsePointer(bytes, file) } as const;
}

function edited(where: string, expected: string, found: string): QxError {
  return new QxError('digest', 'a document that waits for signatures was changed', {
    where,
    expected,
    found,
    hint: 'remove it, and make it again',
  });
}
