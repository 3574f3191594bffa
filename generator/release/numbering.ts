import { QxError } from '../../client/format/error.ts';
import { listPointers } from '../tree/pointers.ts';
import { findRow, highestRelease } from '../tree/releases.ts';
import { listPending } from '../workspace/pending.ts';
import { readSerials } from '../workspace/serials.ts';
import { knownPointer } from './issue-pointer.ts';
import type { ReleasePlan } from './plan.ts';
import type { Session } from './session.ts';
import { higher } from './version.ts';

/** A second architecture takes the number of the first; a new version the next one. */
export async function releaseNumber(
  session: Session,
  plan: ReleasePlan,
  version: string,
): Promise<number> {
  const { index, workspace } = session;
  const row = findRow(index, plan.product, version);
  if (row !== undefined) return row.release;
  let highest = highestRelease(index, plan.product);
  for (const document of await listPending(workspace)) {
    if (document.type !== 'manifest' || document.manifest.product !== plan.product)
      continue;
    if (document.manifest.version === version) return document.manifest.release;
    highest = Math.max(highest, document.manifest.release);
  }
  if (highest > 0 || session.first || (await isNew(session, plan.product)))
    return highest + 1;
  throw new QxError('rollback', `no release of ${plan.product} is known here`, {
    where: workspace.paths.public,
    hint: 'pull the published tree first, or say --first when the product never had a release',
  });
}

/** What --bump counts on from: the channel's version; on dev the highest of all channels. */
export async function currentVersion(
  session: Session,
  plan: ReleasePlan,
): Promise<string | undefined> {
  const { product, channel } = plan;
  if (channel === undefined) {
    const rows = session.index.rows.get(product) ?? [];
    return rows
      .map(({ version }) => version)
      .reduce<string | undefined>(higher, undefined);
  }
  const own = (await knownPointer(session, product, channel))?.version;
  if (own !== undefined && channel !== 'dev') return own;
  let highest = own;
  for (const [other, name] of await listPointers(session.workspace.tree)) {
    if (other !== product) continue;
    highest = higher(highest, (await knownPointer(session, product, name))?.version);
  }
  return highest;
}

/** Known from its beginning, and no channel of it was ever pointed: then nothing was published yet. */
async function isNew({ workspace }: Session, product: string): Promise<boolean> {
  const { complete, channels } = await readSerials(workspace);
  return complete && !Object.keys(channels).some((key) => key.startsWith(`${product}/`));
}
