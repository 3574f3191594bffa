import { setThreshold } from '../root/change.ts';
import { type Command, wholeArgument } from './command.ts';
import { CHANGE_OPTIONS, changeRoot } from './root-change.ts';

export const rootSetThreshold: Command = {
  name: 'root set-threshold',
  args: '<role> <n>',
  describe: "How many of a role's keys must sign",
  options: CHANGE_OPTIONS,
  examples: ['root set-threshold channel/stable 2'],
  run: (context, [role = '', n = ''], flags) =>
    changeRoot(context, flags, 'root set-threshold', (next) =>
      setThreshold(next, role, wholeArgument('n', n)),
    ),
};
