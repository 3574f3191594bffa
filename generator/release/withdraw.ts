import semver from 'semver';
import { QxError, printable } from '../../client/format/error.ts';
import type { Pointer } from '../../client/format/pointer.ts';
import type { ReleaseRow } from '../../client/format/repository-index.ts';
import { type StoredPointer, listPointers, readPointer } from '../tree/pointers.ts';
import { type Release, findRelease, rowsOf } from '../tree/releases.ts';
import { type PointerDraft, issuePointer } from './issue-pointer.ts';
import type { MovedPointer } from './move-pointer.ts';
import { publishIndexes, publishPointer } from './publish.ts';
import type { Session } from './session.ts';

/** Of the note in the index, which lists a hundred releases on a page. */
const NOTE_CHARACTERS_MAX = 500;

export interface Withdrawal {
  product: string;
  version: string;
  /** Where channels that name it go; the newest release below it when not given. */
  to: string | undefined;
  /** What hosts that have it are told. */
  message: string;
}

export interface Withdrawn {
  moved: MovedPointer[];
  /** False while a pointer waits for signatures: the same command finishes it afterwards. */
  marked: boolean;
}

/**
 * Takes a release back: every channel that names it steps back first, by a signed pointer that says so; then
 * the release is marked, so that none names it again. Its files stay until they are pruned.
 *
 * QxError `usage` (no such release), `rollback` (nothing below it that hosts would take).
 */
export async function withdraw(session: Session, asked: Withdrawal): Promise<Withdrawn> {
  const { tree } = session.workspace;
  const { product, version } = asked;
  const release = await findRelease(tree, session.root, session.index, product, version);
  const moved: MovedPointer[] = [];
  for (const stored of await naming(session, asked)) {
    const draft = draftFor(session, asked, release, stored);
    const bytes = await issuePointer(session, draft);
    moved.push({
      product,
      channel: stored.channel,
      version: draft.version,
      previousVersion: stored.pointer.version,
      ...(await publishPointer(session, bytes)),
    });
  }
  const marked = moved.every(({ state }) => state === 'published');
  const row = rowsOf(session.index, product).find((each) => each.version === version);
  if (marked && row !== undefined)
    row.withdrawn = printable(asked.message, NOTE_CHARACTERS_MAX);
  await publishIndexes(session);
  return { moved, marked };
}

type ValidPointer = StoredPointer & { pointer: Pointer };

/** Channels whose valid pointer names the release, as their own or as a stepping stone. */
async function naming(
  { workspace, root }: Session,
  { product, version }: Withdrawal,
): Promise<ValidPointer[]> {
  const found: ValidPointer[] = [];
  for (const [other, channel] of await listPointers(workspace.tree)) {
    if (other !== product) continue;
    const stored = await readPointer(workspace.tree, root, product, channel);
    if (!stored?.pointer || stored.problem !== null) continue;
    const { pointer } = stored;
    const named = [pointer, ...(pointer.via ?? [])];
    if (named.some((step) => step.version === version))
      found.push({ ...stored, pointer });
  }
  return found;
}

/** What was decided about the release goes with it; where objects are, and other stepping stones, stay. */
function draftFor(
  session: Session,
  asked: Withdrawal,
  release: Release,
  { channel, pointer }: ValidPointer,
): PointerDraft {
  const { product, version, message } = asked;
  const { via: steps = [], objects } = pointer;
  const via = steps.filter((step) => step.version !== version);
  const kept = {
    ...(via.length === 0 ? {} : { via }),
    ...(objects === undefined ? {} : { objects }),
  };
  if (pointer.version !== version) {
    const { critical, rollout, deadline, rollback, paused } = pointer;
    const policy = { critical, rollout, deadline, rollback, paused };
    const said = Object.fromEntries(
      Object.entries(policy).filter(([, value]) => value !== undefined),
    );
    const own = pointer.message === undefined ? {} : { message: pointer.message };
    return { product, channel, version: pointer.version, ...said, ...own, ...kept };
  }
  const target = targetOf(session, asked, release);
  const back = semver.lt(target, version) ? { rollback: true } : {};
  return { product, channel, version: target, ...back, message, ...kept };
}

/** The asked version, or the newest one below; never one that a host with the withdrawn release refuses. */
function targetOf(session: Session, asked: Withdrawal, release: Release): string {
  const { product, version, to } = asked;
  const floor = floorOf(session, product, release);
  const rows = rowsOf(session.index, product).filter((row) => row.version !== version);
  const arches = [...release.manifests.keys()];
  const fits = (row: ReleaseRow): boolean =>
    row.release >= floor &&
    row.withdrawn === undefined &&
    arches.every((arch) => Object.hasOwn(row.manifests, arch));
  if (to !== undefined) {
    const row = rows.find((each) => each.version === to);
    if (row !== undefined && fits(row)) return to;
    throw noTarget(
      asked,
      floor,
      row === undefined ? 'no such release' : `release ${row.release}`,
    );
  }
  const isFinal = semver.prerelease(version) === null;
  const below = rows
    .filter(fits)
    .map((row) => row.version)
    .filter((each) => semver.lt(each, version))
    .filter((each) => !isFinal || semver.prerelease(each) === null)
    .sort(semver.compare);
  const newest = below.at(-1);
  if (newest === undefined) throw noTarget(asked, floor, 'none');
  return newest;
}

/** Hosts that installed it took its floor over. */
function floorOf({ root }: Session, product: string, { manifests }: Release): number {
  const own = [...manifests.values()].map(({ manifest }) => manifest.floor ?? 0);
  return Math.max(root.floors?.[product] ?? 0, ...own);
}

function noTarget(
  { product, version, to }: Withdrawal,
  floor: number,
  found: string,
): QxError {
  return new QxError('rollback', 'no release that hosts could step back to', {
    where: `${product} ${to ?? version}`,
    expected: `one of the same architectures, not withdrawn, release ${floor} or later (the floor)`,
    found,
    hint: 'publish a repaired release under a higher version, point the channels to it, then withdraw this one',
  });
}
