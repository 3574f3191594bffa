import { SIGN_OPTIONS, openSession } from '../release/session.ts';
import { withdraw as takeBack } from '../release/withdraw.ts';
import { type Command, WRITE_OPTIONS, writingIn } from './command.ts';
import { describeMove } from './point.ts';

export const withdraw: Command = {
  name: 'withdraw',
  args: '<product> <version>',
  describe:
    'Take a release back: channels that name it step back, and none names it again',
  options: [
    {
      flag: 'to VERSION',
      describe: 'Where those channels go (the newest release below it)',
    },
    { flag: 'message TEXT', describe: 'What hosts that have it are told' },
    ...SIGN_OPTIONS,
    ...WRITE_OPTIONS,
  ],
  examples: [
    'withdraw quantix-os 1.4.2 --message "1.4.2 loses its network after an hour"',
    'withdraw quantix-os 1.4.2 --to 1.4.0',
  ],
  next: ['point', 'preflight', 'prune'],
  run: (context, [product = '', version = ''], flags) =>
    writingIn(context, flags, 'withdraw', async (workspace) => {
      const session = await openSession(context, flags, workspace);
      const message = flags.text('message') ?? `${version} was withdrawn`;
      const to = flags.text('to');
      const { moved, marked } = await takeBack(session, {
        product,
        version,
        to,
        message,
      });
      const { dryRun, tree } = workspace;
      const end = marked
        ? `${product} ${version} is withdrawn: no channel takes it any more`
        : `${product} ${version} is withdrawn once these are signed: then call this again`;
      const lines = [...moved.map(describeMove), end];
      return {
        value: {
          product,
          version,
          message,
          marked,
          moved,
          dryRun,
          changes: tree.changes,
        },
        text: lines.map((line) => `${dryRun ? 'would be: ' : ''}${line}`).join('\n'),
      };
    }),
};
