import { QxError } from '../../client/format/error.ts';
import type { Pointer } from '../../client/format/pointer.ts';
import { pointerPath } from '../../client/format/tree.ts';
import type { Rollout } from '../../client/policy/rollout.ts';
import { describeRollout, frozen, refuseSenseless, resumed } from '../rollout/steps.ts';
import { type StoredPointer, readPointer } from '../tree/pointers.ts';
import { findRelease } from '../tree/releases.ts';
import { readEdited } from './edited-pointer.ts';
import { type PointerDraft, issuePointer } from './issue-pointer.ts';
import { type MovedPointer, draftFor, sameManifests } from './move-pointer.ts';
import { publishPointer } from './publish.ts';
import type { Session } from './session.ts';

export type Step = 'start' | 'pause' | 'resume' | 'finish';

export interface RolledOut extends MovedPointer {
  step: Step;
  /** Null where everybody is let through. */
  rollout: Rollout | null;
  paused: boolean;
}

export interface Standing extends StoredPointer {
  pointer: Pointer;
}

/**
 * One step of a channel's rollout: the pointer gets the next serial and all else of it stays. The moment is the one
 * at which the pointer is issued.
 *
 * QxError `usage` for a step that makes no sense here, with what does.
 */
export async function rollOut(
  session: Session,
  channel: { product: string; channel: string },
  step: Exclude<Step, 'start'>,
): Promise<RolledOut> {
  const standing = await standingPointer(session, channel.product, channel.channel);
  const { pointer } = standing;
  const where = standing.path;
  if (step === 'finish') {
    if (pointer.rollout === undefined) throw noRollout(where);
    return publish(session, standing, step, undefined, false);
  }
  if (pointer.rollout === undefined) throw noRollout(where);
  const nowMs = Date.parse(session.issued);
  if (step === 'pause') {
    if (pointer.paused === true) return unchanged(standing, step);
    return publish(session, standing, step, frozen(pointer.rollout, nowMs), true);
  }
  if (pointer.paused !== true) throw notPaused(where, pointer.rollout);
  return publish(session, standing, step, resumed(pointer.rollout, nowMs), false);
}

/**
 * Lets hosts have the channel's release step by step; or, with `version`, moves the channel to it at once with the
 * rollout, so that there is no moment at which everybody may have it.
 */
export async function startRollout(
  session: Session,
  asked: { product: string; channel: string; version: string | undefined },
  rollout: Rollout,
): Promise<RolledOut> {
  const { product, channel, version } = asked;
  const stored = await validPointer(session, product, channel);
  const moves = version !== undefined && stored?.pointer.version !== version;
  const standing = stored === null || moves ? null : stored;
  const where = pointerPath(product, channel);
  refuseSenseless(rollout, standing?.pointer, Date.parse(session.issued), where);
  if (moves) {
    const draft = { ...draftFor({ product, channel, version }, stored), rollout };
    return issue(session, draft, stored?.pointer.version ?? null, 'start');
  }
  if (standing === null) throw noPointer(where);
  if (standing.pointer.paused === true) throw isPaused(where);
  return publish(session, standing, 'start', rollout, false);
}

/** A channel's pointer as hosts have it. QxError `usage` without one, and for one that was edited and not signed. */
export async function standingPointer(
  session: Pick<Session, 'root' | 'workspace'>,
  product: string,
  channel: string,
): Promise<Standing> {
  const standing = await validPointer(session, product, channel);
  if (standing !== null) return standing;
  throw noPointer(pointerPath(product, channel));
}

async function validPointer(
  { workspace, root }: Pick<Session, 'root' | 'workspace'>,
  product: string,
  channel: string,
): Promise<Standing | null> {
  const stored = await readPointer(workspace.tree, root, product, channel);
  if (stored === null) return null;
  const { pointer, problem } = stored;
  if (pointer !== null && problem === null) return { ...stored, pointer };
  throw new QxError('usage', 'the pointer is not one that hosts would take', {
    where: stored.path,
    found: problem?.message,
    hint: 'it was edited and not signed: qx-repo sign first',
    cause: problem,
  });
}

async function publish(
  session: Session,
  standing: Standing,
  step: Step,
  rollout: Rollout | undefined,
  paused: boolean,
): Promise<RolledOut> {
  await refuseOtherManifests(session, standing);
  const draft = { ...readEdited(standing).draft };
  delete draft.rollout;
  delete draft.paused;
  if (rollout !== undefined) draft.rollout = rollout;
  if (paused) draft.paused = paused;
  return issue(session, draft, standing.pointer.version, step);
}

async function issue(
  session: Session,
  draft: PointerDraft,
  previousVersion: string | null,
  step: Step,
): Promise<RolledOut> {
  const { product, channel, version, rollout = null, paused = false } = draft;
  const published = await publishPointer(session, await issuePointer(session, draft));
  const about = { product, channel, version, previousVersion, ...published };
  return { step, rollout, paused, ...about };
}

function unchanged({ pointer, ...stored }: Standing, step: Step): RolledOut {
  const { product, channel, path, sha256, signers } = stored;
  const { version, rollout = null, paused = false } = pointer;
  return {
    ...{ step, rollout, paused, state: 'unchanged', product, channel, version },
    ...{ previousVersion: version, sha256, path, signatures: `${signers.length}` },
  };
}

/** The pointer would say more than the step that was asked for. */
async function refuseOtherManifests(
  session: Session,
  { product, path, pointer }: Standing,
): Promise<void> {
  const { workspace, root, index } = session;
  const { row } = await findRelease(
    workspace.tree,
    root,
    index,
    product,
    pointer.version,
  );
  if (sameManifests(row.manifests, pointer.manifests)) return;
  throw new QxError('usage', 'the release has gained an architecture since', {
    where: path,
    expected: Object.keys(row.manifests).join(', '),
    found: Object.keys(pointer.manifests).join(', '),
    hint: `first: qx-repo point ${product} ${pointer.channel} ${pointer.version}`,
  });
}

function noPointer(where: string): QxError {
  return new QxError('usage', 'the channel has no pointer', {
    where,
    hint: 'qx-repo point, or "rollout … start --version VERSION"',
  });
}

function noRollout(where: string): QxError {
  return new QxError('usage', 'the channel has no rollout: everybody is let through', {
    where,
    hint: 'to stop everybody: "paused": true in the pointer, then qx-repo sign; to go back: qx-repo withdraw',
  });
}

function notPaused(where: string, rollout: Rollout): QxError {
  return new QxError('usage', 'the rollout is not paused', {
    where,
    found: describeRollout(rollout),
  });
}

function isPaused(where: string): QxError {
  return new QxError('usage', 'the channel is paused', {
    where,
    hint: '"resume" goes on from where it was, "finish" lets everybody through',
  });
}
