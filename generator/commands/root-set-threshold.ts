import { setThreshold } from '../root/change.ts';
import { type Command, wholeArgument } from './command.ts';
import { CHANGE_OPTIONS, changeRoot, ROLES } from './root-change.ts';

export const rootSetThreshold: Command = {
  name: 'root set-threshold',
  args: '<role> <n>',
  values: { role: ROLES },
  describe: "How many of a role's keys must sign",
  options: CHANGE_OPTIONS,
  examples: ['root set-threshold channel/stable 2'],
  next: ['root show', 'root cosign', 'sign'],
  run: (context, [role = '', n = ''], flags) =>
    changeRoot(context, flags, 'root set-threshold', (next) =>
      setThreshold(next, role, wholeArgument('n', n)),
    ),
};
