import semver from 'semver';
import { QxError } from '../../client/format/error.ts';
import {
  type Pointer,
  encodePointer,
  parsePointer,
} from '../../client/format/pointer.ts';
import { channelRole } from '../../client/format/root.ts';
import { pointerPath } from '../../client/format/tree.ts';
import type { ReleaseRow } from '../../client/format/repository-index.ts';
import { sha256Of } from '../tree/digest.ts';
import { readPointer } from '../tree/pointers.ts';
import { findRelease } from '../tree/releases.ts';
import {
  type SerialEntry,
  channelKey,
  nextSerial,
  readSerials,
  withoutItsKey,
} from '../workspace/serials.ts';
import type { Session } from './session.ts';
import { refuseSpent } from './out-of-reach.ts';
import { addDays, refuseHalfSpent } from './times.ts';

/** What a person decides about a pointer; the rest follows from the release, the clock and the serials. */
export type PointerDraft = Pick<Pointer, 'product' | 'channel' | 'version'> &
  Partial<
    Pick<
      Pointer,
      | 'critical'
      | 'rollout'
      | 'deadline'
      | 'rollback'
      | 'paused'
      | 'message'
      | 'via'
      | 'objects'
    >
  >;

/**
 * The bytes of a channel's next pointer: refused where a host would refuse it. Its serial is above
 * `leastSerial` as well, which is what an edited pointer said. QxError `usage` (no such
 * release), `rollback` (a step back that does not say so, a release below the root's floor, no known serial),
 * `stale` (half of its life is over already).
 */
export async function issuePointer(
  session: Session,
  draft: PointerDraft,
  leastSerial = 0,
): Promise<Buffer> {
  const { product, channel, version } = draft;
  const { root, workspace, index } = session;
  const where = pointerPath(product, channel);
  const release = await findRelease(workspace.tree, root, index, product, version);
  refuseWithdrawn(release.row, product);
  refuseBelowFloor(session, version, release.row.release, product);
  const known = await knownPointer(session, product, channel);
  refuseSpent(product, channel, known);
  refuseStepBack(draft, known, where);
  const expires = addDays(session.issued, session.pointerDays);
  refuseHalfSpent(session.issued, expires, session.nowMs, where);
  const make = (serial: number): Buffer =>
    encodePointer({
      ...draft,
      type: 'pointer',
      format: 1,
      repository: root.repository,
      serial,
      manifests: release.row.manifests,
      issued: session.issued,
      expires,
      root: root.version,
    });
  const bytes = await numbered(
    session,
    channelKey(product, channel),
    known,
    leastSerial,
    make,
  );
  parsePointer(bytes, where);
  return bytes;
}

/**
 * Refuses, before a release is published for a channel, what issuePointer would refuse afterwards; and a
 * missing key. `release` is the number that the release will have.
 */
export async function refuseHopelessMove(
  session: Session,
  draft: PointerDraft,
  release: number,
): Promise<void> {
  const { product, channel, version } = draft;
  const { root, workspace } = session;
  const where = pointerPath(product, channel);
  refuseBelowFloor(session, version, release, product);
  const known = await knownPointer(session, product, channel);
  refuseSpent(product, channel, known);
  refuseStepBack(draft, known, where);
  const expires = addDays(session.issued, session.pointerDays);
  refuseHalfSpent(session.issued, expires, session.nowMs, where);
  if (known === undefined) {
    const serials = await readSerials(workspace);
    nextSerial(serials, channelKey(product, channel), session.first);
  }
  await session.keys.forRole(root, channelRole(root, channel));
}

/** The last pointer of a channel that anybody could have seen: recorded here, or signed in the tree. */
export async function knownPointer(
  { root, workspace }: Pick<Session, 'root' | 'workspace'>,
  product: string,
  channel: string,
): Promise<SerialEntry | undefined> {
  const recorded = (await readSerials(workspace)).channels[channelKey(product, channel)];
  const stored = await readPointer(workspace.tree, root, product, channel);
  if (!stored?.pointer || stored.problem !== null) return withoutItsKey(recorded);
  const { serial, version } = stored.pointer;
  if (recorded !== undefined && recorded.serial >= serial) return recorded;
  return { serial, version, sha256: stored.sha256 };
}

/** Gives the bytes that were signed last but never placed their number back; others get the next one. */
async function numbered(
  session: Session,
  key: string,
  known: SerialEntry | undefined,
  least: number,
  make: (serial: number) => Buffer,
): Promise<Buffer> {
  const serials = await readSerials(session.workspace);
  const used = Math.max(least, serials.filled?.[key] ?? 0);
  if (used > (known?.serial ?? 0)) return make(used + 1);
  if (known === undefined) return make(nextSerial(serials, key, session.first));
  const again = make(known.serial);
  return sha256Of(again) === known.sha256 ? again : make(known.serial + 1);
}

function refuseBelowFloor(
  session: Session,
  version: string,
  release: number,
  product: string,
): void {
  const floor = session.root.floors?.[product] ?? 0;
  if (release >= floor) return;
  throw new QxError('rollback', 'the release is below the floor of the trust root', {
    where: `${product} ${version}`,
    expected: `release ${floor} or later`,
    found: `release ${release}`,
    hint: 'every host refuses it: publish it again under a new version',
  });
}

/** QxError `rollback` for a release that `qx-repo withdraw` took back. */
export function refuseWithdrawn(
  { version, withdrawn }: Pick<ReleaseRow, 'version' | 'withdrawn'>,
  product: string,
): void {
  if (withdrawn === undefined) return;
  throw new QxError('rollback', 'the release was withdrawn', {
    where: `${product} ${version}`,
    found: withdrawn,
    hint: 'publish what is right under a new version',
  });
}

/** QxError `rollback` for an older version than the known one, unless the pointer says that it is meant. */
export function refuseStepBack(
  draft: PointerDraft,
  known: SerialEntry | undefined,
  where: string,
): void {
  if (known === undefined || draft.rollback === true) return;
  if (semver.gte(draft.version, known.version)) return;
  throw new QxError('rollback', 'an older version than the channel has now', {
    where,
    expected: `${known.version} or later`,
    found: draft.version,
    hint: 'say that it is meant: --rollback, or "rollback": true in the pointer',
  });
}
