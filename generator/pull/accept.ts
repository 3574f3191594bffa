import { LIMITS } from '../../client/format/limits.ts';
import { pointerPath } from '../../client/format/tree.ts';
import type { SignedPointer } from '../../client/reader/pointer.ts';
import type { Problem, Problems } from '../check/problems.ts';
import type { Survey } from '../check/survey.ts';
import { knownPointer } from '../release/issue-pointer.ts';
import { sha256Of } from '../tree/digest.ts';
import { readPointer } from '../tree/pointers.ts';
import type { SerialEntry } from '../workspace/serials.ts';
import type { Workspace } from '../workspace/workspace.ts';

/** What becomes of a channel's pointer. */
export interface PulledChannel {
  product: string;
  channel: string;
  version: string;
  serial: number;
  /** `edited`: here lies one that somebody edited and has not signed yet; it stays. */
  state: 'new' | 'moved' | 'unchanged' | 'edited';
}

/**
 * What keeps a tree from being pulled: all that a host refuses, except what is only old (a pull is how a late
 * CI job renews it) and except the unsigned pages, which are made anew from what was verified.
 */
export function blocking(problems: Problems, survey: Survey): Problem[] {
  const noIndex = survey.index === null && survey.files === null;
  const isPage = (where = ''): boolean =>
    where.startsWith('products/') || (where === 'repository.json' && !noIndex);
  return problems
    .of('error')
    .filter(({ code, where }) => code !== 'stale' && !isPage(where));
}

/**
 * One of the tree must never take the place of a later one, nor of another with its number; it may where
 * `problems` is null: then what was signed here was never published, and its serials stay used up.
 */
export async function comparePointers(
  workspace: Workspace,
  survey: Survey,
  problems: Problems | null,
): Promise<PulledChannel[]> {
  const { root } = survey;
  const channels: PulledChannel[] = [];
  for (const signed of survey.pointers) {
    const { product, channel, version, serial } = signed.pointer;
    const known = await knownPointer({ root, workspace }, product, channel);
    if (known !== undefined && problems !== null) refuseOlder(signed, known, problems);
    const state = await stateOf(workspace, survey, signed);
    channels.push({ product, channel, version, serial, state });
  }
  return channels;
}

function refuseOlder(
  { pointer, sha256 }: SignedPointer,
  known: SerialEntry,
  problems: Problems,
): void {
  const where = pointerPath(pointer.product, pointer.channel);
  const expected = `serial ${known.serial} (${known.version}) or later, as this workspace knows`;
  const found = `serial ${pointer.serial} (${pointer.version})`;
  if (pointer.serial < known.serial) {
    problems.error('rollback', 'the published pointer is older than the one here', {
      where,
      expected,
      found,
      hint: 'publish this workspace first, or give up what was signed here (--theirs); when it is published, the host serves old files',
    });
  } else if (pointer.serial === known.serial && sha256 !== known.sha256) {
    problems.error('raced', 'another publisher was first with this serial', {
      where,
      expected: `serial ${known.serial} with digest ${known.sha256}`,
      found: `digest ${sha256}`,
      hint: 'give up what was signed here (--theirs), and point the channel again',
    });
  }
}

async function stateOf(
  workspace: Workspace,
  { root }: Survey,
  { pointer, bytes, sha256 }: SignedPointer,
): Promise<PulledChannel['state']> {
  const { product, channel } = pointer;
  const path = pointerPath(product, channel);
  const here = await workspace.tree.read(path, LIMITS.pointerBytes);
  if (here === null) return 'new';
  if (here.equals(bytes)) return 'unchanged';
  const stored = await readPointer(workspace.tree, root, product, channel);
  const edited = stored !== null && stored.problem !== null && sha256Of(here) !== sha256;
  return edited ? 'edited' : 'moved';
}
