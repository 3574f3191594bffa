import { QxError } from '../../client/format/error.ts';
import { type MovedPointer, movePointer } from '../release/move-pointer.ts';
import { publishIndexes } from '../release/publish.ts';
import { SIGN_OPTIONS, type Session, openSession } from '../release/session.ts';
import {
  type Command,
  type CommandResult,
  type Flags,
  WRITE_OPTIONS,
  writingIn,
} from './command.ts';

const ROLLBACK = {
  flag: 'rollback',
  describe: 'Step back to an older version: hosts are told that it is meant',
} as const;

export const MOVE_OPTIONS = [ROLLBACK, ...SIGN_OPTIONS, ...WRITE_OPTIONS];

export const point: Command = {
  name: 'point',
  args: '<product> <channel> <version>',
  describe: 'Make a release the current one of a channel',
  options: [
    {
      flag: 'via VERSION=RANGE',
      describe:
        'Hosts in the range go to that release first (repeatable; replaces what the channel has; "none" takes it out)',
    },
    ...MOVE_OPTIONS,
  ],
  examples: [
    'point quantix-os beta 1.4.2',
    'point quantix-os stable 1.4.1 --rollback',
    'point quantix-os stable 2.0.0 --via "1.5.0=<1.5.0"',
    'point quantix-os stable 2.0.0 --via none',
  ],
  next: ['rollout', 'verify', 'preflight'],
  run: (context, [product = '', channel = '', version = ''], flags) =>
    writingIn(context, flags, 'point', async (workspace) => {
      const session = await openSession(context, flags, workspace);
      const rollback = flags.is('rollback');
      const target = { product, channel, version, rollback, via: stonesAsked(flags) };
      return moved(session, await movePointer(session, target));
    }),
};

/** Undefined where the channel keeps those that it has; none where "none" stands alone. QxError `usage`. */
function stonesAsked(flags: Flags): [string, string][] | undefined {
  const words = flags.list('via');
  if (words.length === 0) return undefined;
  return words.length === 1 && words[0] === 'none' ? [] : flags.pairs('via');
}

/** Finishes the indexes and says where the channel stands. */
export async function moved(
  session: Session,
  result: MovedPointer,
): Promise<CommandResult> {
  const { dryRun, tree } = session.workspace;
  await publishIndexes(session);
  const value = { ...result, dryRun, changes: tree.changes };
  return { value, text: `${dryRun ? 'would be: ' : ''}${describeMove(result)}` };
}

export function describeMove(result: MovedPointer): string {
  const { product, channel, version, previousVersion, state, path, signatures } = result;
  const name = `${product}/${channel}`;
  if (state === 'unchanged') return `${name} is at ${version} already`;
  const from = previousVersion === null ? '' : `${previousVersion} → `;
  if (state === 'published') return `${name} ${from}${version}`;
  return `${name} ${from}${version} waits for signatures (${signatures}): ${path}`;
}

/** QxError `usage` for a channel without a valid pointer. */
export function noPointer(product: string, channel: string): QxError {
  return new QxError('usage', 'the channel has no pointer', {
    where: `${product}/${channel}`,
  });
}
