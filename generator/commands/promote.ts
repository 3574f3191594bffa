import { movePointer } from '../release/move-pointer.ts';
import { openSession } from '../release/session.ts';
import { readPointer } from '../tree/pointers.ts';
import { type Command, writingIn } from './command.ts';
import { MOVE_OPTIONS, moved, noPointer } from './point.ts';

export const promote: Command = {
  name: 'promote',
  args: '<product> <from> <to>',
  values: { from: 'channels', to: 'channels' },
  describe: "Make a channel's current release the current one of another channel",
  options: MOVE_OPTIONS,
  examples: ['promote quantix-os beta stable'],
  next: ['rollout', 'verify', 'preflight'],
  run: (context, [product = '', from = '', to = ''], flags) =>
    writingIn(context, flags, 'promote', async (workspace) => {
      const session = await openSession(context, flags, workspace);
      const source = await readPointer(workspace.tree, session.root, product, from);
      if (source === null) throw noPointer(product, from);
      if (source.problem !== null) throw source.problem;
      const version = source.pointer?.version ?? '';
      const target = { product, channel: to, version, rollback: flags.is('rollback') };
      return moved(session, await movePointer(session, target));
    }),
};
