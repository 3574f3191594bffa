import { readPointer, type StoredPointer } from '../tree/pointers.ts';
import { findRelease, type Release } from '../tree/releases.ts';
import { type PointerDraft, issuePointer, knownPointer } from './issue-pointer.ts';
import { publishPointer } from './publish.ts';
import type { Session } from './session.ts';

export interface MovedPointer {
  state: 'published' | 'pending' | 'unchanged';
  product: string;
  channel: string;
  version: string;
  /** Null where the channel had none that counts. */
  previousVersion: string | null;
  sha256: string;
  /** The pointer in the tree, or the absolute file that waits for other signers. */
  path: string;
  signatures: string;
}

/** Makes a release the current one of a channel; nothing happens when it is already, by a valid pointer. */
export async function movePointer(
  session: Session,
  target: { product: string; channel: string; version: string; rollback?: boolean },
): Promise<MovedPointer> {
  const { product, channel, version } = target;
  const { tree } = session.workspace;
  const release = await findRelease(tree, session.root, session.index, product, version);
  const stored = await readPointer(tree, session.root, product, channel);
  const valid = stored?.problem === null ? stored : null;
  const about = {
    product,
    channel,
    version,
    previousVersion: valid?.pointer?.version ?? null,
  };
  if (valid !== null && (await isCurrent(session, valid, release))) {
    const signatures = `${valid.signers.length}`;
    return {
      state: 'unchanged',
      ...about,
      sha256: valid.sha256,
      path: valid.path,
      signatures,
    };
  }
  const bytes = await issuePointer(session, draftFor(target, valid));
  return { ...about, ...(await publishPointer(session, bytes)) };
}

/** Less than two thirds of the life left: a pointer that lives 90 days is renewed after 30. */
export function wantsRenewal(
  pointer: { issued: string; expires: string },
  nowMs: number,
): boolean {
  const life = Date.parse(pointer.expires) - Date.parse(pointer.issued);
  return Date.parse(pointer.expires) - nowMs < (life * 2) / 3;
}

/** Where objects are and the stepping stones outlive a release; what was said about one release does not. */
function draftFor(
  target: { product: string; channel: string; version: string; rollback?: boolean },
  standing: StoredPointer | null,
): PointerDraft {
  const { product, channel, version, rollback } = target;
  const { objects, via } = standing?.pointer ?? {};
  return {
    product,
    channel,
    version,
    ...(rollback === true ? { rollback } : {}),
    ...(via === undefined ? {} : { via }),
    ...(objects === undefined ? {} : { objects }),
  };
}

async function isCurrent(
  session: Session,
  stored: StoredPointer,
  release: Release,
): Promise<boolean> {
  const { pointer, product, channel, sha256 } = stored;
  if (pointer === null || pointer.version !== release.row.version) return false;
  const known = await knownPointer(session, product, channel);
  return (
    known?.sha256 === sha256 &&
    pointer.root <= session.root.version &&
    sameManifests(pointer.manifests, release.row.manifests) &&
    !wantsRenewal(pointer, session.nowMs)
  );
}

type ByArch = Record<string, { sha256: string; size: number }>;

export function sameManifests(a: ByArch, b: ByArch): boolean {
  const say = (byArch: ByArch): string =>
    Object.keys(byArch)
      .sort()
      .map((arch) => `${arch} ${byArch[arch]?.sha256}`)
      .join(' ');
  return say(a) === say(b);
}
