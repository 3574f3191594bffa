import type { Plan } from '../adopt/plan.ts';
import { belowRoot } from '../config/load.ts';
import { lockedIn } from '../session.ts';
import type { Command } from './command.ts';

/** Until a reboot: this command needs neither configuration nor state. */
const LOCK_FOLDER = '/run/qx-update';

export const adopt: Command = {
  name: 'adopt',
  describe:
    'Take over a host that the older system laid out, so that it can take system images',
  options: [
    { flag: 'dry-run', describe: 'Show each step, and change nothing' },
    { flag: 'undo', describe: 'Go back, until another system was written' },
    {
      flag: 'force',
      describe: 'Set aside a grub.cfg that the older system did not write',
    },
  ],
  examples: ['adopt --dry-run', 'adopt', 'adopt --undo'],
  next: ['doctor', 'status'],
  run: async ({ fx, root }, _args, flags) => {
    const { adoptHost, planAdoption, planReturn } = await import('../adopt/adopt.ts');
    const [dryRun, undo] = [flags.is('dry-run'), flags.is('undo')];
    const plan = await lockedIn(fx, belowRoot(root, LOCK_FOLDER), () =>
      adoptHost(fx, root, {
        dryRun,
        leaveMounted: !undo,
        plan: undo ? planReturn : (found) => planAdoption(found, flags.is('force')),
      }),
    );
    const { stepLine, stepValue } = await import('../adopt/steps.ts');
    const { slot, steps } = plan;
    const done = !dryRun && steps.length > 0;
    return {
      value: { slot, undo, done, steps: steps.map(stepValue) },
      text: [...steps.map(stepLine), lastLine(plan, undo, dryRun)].join('\n'),
    };
  },
};

function lastLine({ slot, steps }: Plan, undo: boolean, dryRun: boolean): string {
  if (steps.length === 0)
    return undo ? 'nothing to undo' : 'this host is adopted already';
  if (dryRun) return 'nothing was changed';
  if (undo) return 'this host boots as the older system laid it out';
  return `this host is adopted: QUANTIX-${String(slot)} boots as before; reboot once before the first system image`;
}
