import { readPointer, type StoredPointer } from '../tree/pointers.ts';
import { findRelease, type Release } from '../tree/releases.ts';
import {
  type PointerDraft,
  issuePointer,
  knownPointer,
  refuseWithdrawn,
} from './issue-pointer.ts';
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

export interface MoveTarget {
  product: string;
  channel: string;
  version: string;
  rollback?: boolean;
  /** Stepping stones in place of those that the channel has: version and the range of hosts that it is for. Empty: none. */
  via?: readonly [version: string, range: string][] | undefined;
}

/** Makes a release the current one of a channel; nothing happens when it is already, by a valid pointer. */
export async function movePointer(
  session: Session,
  target: MoveTarget,
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
  const via = target.via && (await stonesOf(session, product, target.via));
  const saysAsMuch =
    (via === undefined || hasNone(via, valid)) &&
    (target.rollback !== true || saysRollback(valid));
  if (saysAsMuch && valid !== null && (await isCurrent(session, valid, release))) {
    const signatures = `${valid.signers.length}`;
    return {
      state: 'unchanged',
      ...about,
      sha256: valid.sha256,
      path: valid.path,
      signatures,
    };
  }
  const draft = draftFor(target, valid);
  const bytes = await issuePointer(session, withStones(draft, via));
  return { ...about, ...(await publishPointer(session, bytes)) };
}

/** Hosts that a thief took further come back only to a pointer that says so. */
function saysRollback(valid: StoredPointer | null): boolean {
  return valid?.pointer?.rollback === true;
}

function hasNone(via: readonly unknown[], valid: StoredPointer | null): boolean {
  return via.length === 0 && valid?.pointer?.via === undefined;
}

/** Undefined leaves what the draft has. A pointer without stones has no field of them. */
function withStones(draft: PointerDraft, via: PointerDraft['via']): PointerDraft {
  if (via === undefined) return draft;
  const without = { ...draft };
  delete without.via;
  return via.length === 0 ? without : { ...without, via };
}

/** QxError `usage` for a stone that is not here, `malformed` (with the pointer) for a range that is none. */
async function stonesOf(
  { workspace, root, index }: Session,
  product: string,
  via: readonly [version: string, range: string][],
): Promise<NonNullable<PointerDraft['via']>> {
  const stones: NonNullable<PointerDraft['via']> = [];
  for (const [version, range] of via) {
    const { row } = await findRelease(workspace.tree, root, index, product, version);
    refuseWithdrawn(row, product);
    const { release, manifests } = row;
    stones.push({ version, release, manifests, for: range });
  }
  return stones;
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
export function draftFor(
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
