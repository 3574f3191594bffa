import { QxError } from '../../client/format/error.ts';
import { LIMITS } from '../../client/format/limits.ts';
import { pointerPath, signaturePath } from '../../client/format/tree.ts';
import { type SignedPointer, readSignedPointer } from '../../client/reader/pointer.ts';
import { sha256Of } from '../tree/digest.ts';
import { channelKey, readSerials } from '../workspace/serials.ts';
import type { Workspace } from '../workspace/workspace.ts';
import type { Comparison, Preflight } from './comparison.ts';
import { raced } from './raced.ts';

/** Holds one served pointer against what is known of its channel here. False where none is served. */
export async function comparePointer(
  comparison: Comparison,
  [product, channel]: readonly [product: string, channel: string],
  found: Preflight,
): Promise<boolean> {
  const { workspace, root, source } = comparison;
  const path = pointerPath(product, channel);
  const options = { maxBytes: LIMITS.pointerBytes, fresh: true };
  const fetched = await source.get(path, options);
  if (fetched.status !== 'found') return false;
  const ours = await workspace.tree.read(path, LIMITS.pointerBytes);
  if (ours !== null && ours.equals(fetched.bytes)) return true;
  const want = { repository: root.repository, product, channel };
  try {
    const served = await readSignedPointer(source, root, want, fetched);
    await compare(workspace, served, ours, `${source.base}/${path}`, found);
  } catch (error) {
    if (!(error instanceof QxError) || error.code === 'network') throw error;
    found.warnings.push(error);
  }
  return true;
}

async function compare(
  workspace: Workspace,
  { pointer, sha256 }: SignedPointer,
  ours: Buffer | null,
  where: string,
  found: Preflight,
): Promise<void> {
  const { product, channel, serial, version } = pointer;
  const known = (await readSerials(workspace)).channels[channelKey(product, channel)];
  const details = {
    where,
    expected:
      known === undefined
        ? 'no pointer, as far as this workspace knows'
        : `serial ${known.serial} (${known.version}, ${known.sha256.slice(0, 16)}…) or one before it that is known here`,
    found: `serial ${serial} (${version}, ${sha256.slice(0, 16)}…)`,
  };
  if (known !== undefined && serial > known.serial)
    found.conflicts.push(raced('a newer pointer is served', details));
  else if (!(await isKnown(workspace, sha256, ours, known?.sha256)))
    found.conflicts.push(raced('another publisher moved this channel', details));
}

/**
 * Every pointer that was signed or pulled here left its signature under its digest. An older serial alone
 * would prove nothing: who made two steps meanwhile has a higher one than the publisher who was first.
 */
async function isKnown(
  { tree }: Workspace,
  sha256: string,
  ours: Buffer | null,
  recorded: string | undefined,
): Promise<boolean> {
  if (sha256 === recorded) return true;
  if (ours !== null && sha256Of(ours) === sha256) return true;
  return (await tree.info(signaturePath(sha256))) !== null;
}
