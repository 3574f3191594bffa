import { QxError } from '../../client/format/error.ts';
import type { Flags } from '../../client/terminal/command-line.ts';
import { writingIn } from '../commands/command.ts';
import type { Context } from '../context.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import { type Generated, generate } from '../release/generate.ts';
import { knownPointer } from '../release/issue-pointer.ts';
import { currentVersion } from '../release/numbering.ts';
import { type ReleasePlan, planRelease } from '../release/plan.ts';
import { type Session, openSession } from '../release/session.ts';
import { type WorkspaceConfig, productConfig } from '../workspace/config.ts';

/** What every round of the loop publishes. */
export interface DevPlan {
  product: string;
  channel: string;
  arch: string | undefined;
  /** Name and path. */
  components: [string, string][];
}

/** Thrown before anything is signed: what was read has changed meanwhile. */
export class ChangedMeanwhile extends Error {}

/**
 * Publishes what lies there as the next pre-release, with what is not named carried over. Settings, root and
 * tree are read anew each time; keys are opened once. `isStill` is asked when all was read.
 */
export function publishRound(
  context: Context,
  flags: Flags,
  keys: KeyRing,
  wanted: DevPlan,
  isStill: () => Promise<boolean>,
): Promise<Generated> {
  return writingIn(context, flags, 'dev', async (workspace) => {
    const session = await openSession(context, flags, workspace, keys);
    const plan = await withCarried(session, planOf(context, workspace.config, wanted));
    return generate(session, plan, {
      fast: true,
      unlessSame: true,
      workers: context.workers,
      progress: (label, total) => context.output.progress(label, total),
      onStored: async () => {
        if (!(await isStill())) throw new ChangedMeanwhile();
      },
    });
  });
}

function planOf(
  { cwd }: Context,
  config: WorkspaceConfig,
  { product, channel, arch, components }: DevPlan,
): ReleasePlan {
  const nothing = { carry: false, installPaths: [], services: [], attachments: [] };
  const flags = { product, channel, arch, components, bump: true, ...nothing };
  const folders = { cwd, fileDir: cwd };
  const plan = planRelease(flags, {}, productConfig(config, product), folders);
  return { ...plan, preRelease: true };
}

/** A channel that begins with this release begins with the components of the highest one. */
async function withCarried(session: Session, plan: ReleasePlan): Promise<ReleasePlan> {
  const own = await knownPointer(session, plan.product, plan.channel ?? '');
  const carryFrom = own?.version ?? (await highestVersion(session, plan));
  return { ...plan, carry: carryFrom !== undefined, carryFrom };
}

function highestVersion(
  session: Session,
  plan: ReleasePlan,
): Promise<string | undefined> {
  return currentVersion(session, { ...plan, channel: 'dev' });
}

/** QxError `usage` for a component that grows with each release of it: a folder around the tree, or in it. */
export function refuseOwnTree(name: string, path: string, tree: string): void {
  const within = (inner: string, outer: string): boolean =>
    `${inner}/`.startsWith(`${outer}/`);
  if (!within(tree, path) && !within(path, tree)) return;
  throw new QxError('usage', `${name}: the tree that is published lies in it`, {
    where: path,
    hint: 'name the folder that the build writes',
  });
}
