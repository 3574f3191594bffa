import type { Root } from '../../client/format/root.ts';
import { QxError } from '../../client/format/error.ts';
import type { Context } from '../context.ts';
import { keyNames, labelBy } from '../keys/key-names.ts';
import { KEY_OPTIONS, openKeyRing } from '../release/session.ts';
import { issuedTime } from '../release/times.ts';
import { followingRoot, saysTheSame } from '../root/change.ts';
import type { KeyLabel } from '../root/difference.ts';
import type { KeyPlaces } from '../root/find-key.ts';
import {
  type RootRequest,
  type RootWork,
  advance,
  findRequest,
  makeRequest,
  standingOf,
} from '../root/request.ts';
import { describeStep, stepRecord } from '../root/tell.ts';
import { currentRoot } from '../tree/roots.ts';
import type { Workspace } from '../workspace/workspace.ts';
import { type CommandResult, type Flags, WRITE_OPTIONS, writingIn } from './command.ts';

export const NOW_OPTION = {
  flag: 'now',
  describe:
    'Publish a root though documents lack the signatures that it asks for (after a theft)',
} as const;

/** Those that every root has; there may be channel/NAME besides. */
export const ROLES = ['root', 'release', 'channel'] as const;

/** The options of every command that makes root N+1. */
export const CHANGE_OPTIONS = [
  {
    flag: 'draft',
    describe: 'Only make the request, to change more; "qx-repo sign" signs and publishes',
  },
  NOW_OPTION,
  ...KEY_OPTIONS,
  { flag: 'issued TIME', describe: 'Date of the root instead of the clock' },
  ...WRITE_OPTIONS,
] as const;

/** What a change may look at. */
export interface Scene extends KeyPlaces {
  workspace: Workspace;
  /** Root N. */
  current: Root;
  nowMs: number;
}

/** `change` makes of the root that waits, or else of a copy of the current one, what root N+1 shall be. */
export function changeRoot(
  context: Context,
  flags: Flags,
  command: string,
  change: (next: Root, scene: Scene) => Promise<Root> | Root,
): Promise<CommandResult> {
  return writingIn(context, flags, command, async (workspace) => {
    const work = await rootWork(context, flags, workspace);
    const { current } = work;
    const standing = await findRequest(workspace, current);
    const days = workspace.config.root_days;
    const base = standing?.root ?? followingRoot(current, work.issued, days);
    const next = await change(base, sceneOf(context, workspace, current));
    if (standing === null) refuseNothing(current, next, base);
    const request = await makeRequest(workspace, next, standing);
    const step = flags.is('draft')
      ? standingOf(work, request)
      : await advance(work, request);
    const label = await keyLabel(workspace);
    const lines = [
      ...replaced(standing, request),
      ...describeStep(step, current, label),
      ...(workspace.dryRun ? ['nothing was written (--dry-run)'] : []),
    ];
    const amended = standing !== null && standing.sha256 !== request.sha256;
    const { dryRun, tree } = workspace;
    const value = {
      ...stepRecord(step, current),
      amended,
      dryRun,
      changed: tree.changes,
    };
    return { value, text: lines.join('\n') };
  });
}

/** What commands that touch roots work with; under an expired root too, since a new one is the way out. */
export async function rootWork(
  context: Context,
  flags: Flags,
  workspace: Workspace,
): Promise<RootWork> {
  const nowMs = context.effects.clock.now();
  return {
    workspace,
    current: await currentRoot(workspace.tree, workspace.config.repository),
    keys: openKeyRing(context, flags, workspace),
    issued: issuedTime(flags.text('issued'), nowMs),
    now: flags.is('now'),
  };
}

/** A key's id with the name that it has in keys/, where it has one. */
export async function keyLabel({ effects, paths }: Workspace): Promise<KeyLabel> {
  return labelBy(await keyNames(effects.files, paths.keys));
}

function sceneOf(context: Context, workspace: Workspace, current: Root): Scene {
  const { files, clock } = context.effects;
  const places = { files, cwd: context.cwd, folder: workspace.paths.keys };
  return { workspace, current, nowMs: clock.now(), ...places };
}

function refuseNothing(current: Root, next: Root, base: Root): void {
  if (!saysTheSame(current, next) || next.expires !== base.expires) return;
  throw new QxError('usage', 'nothing would change', {
    where: `root ${current.version}`,
    hint: 'qx-repo root show; qx-repo root set-expiry DAYS makes a root that only lives longer',
  });
}

function replaced(standing: RootRequest | null, request: RootRequest): string[] {
  if (standing === null || standing.sha256 === request.sha256) return [];
  const { root, blocks } = standing;
  const lost =
    blocks.length === 0
      ? 'it had no signature yet'
      : `its ${blocks.length} signature(s) are void`;
  return [`root ${root.version} waited already and is changed further: ${lost}`];
}
