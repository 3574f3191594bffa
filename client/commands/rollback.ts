import { chooseGeneration, completeGeneration } from '../install/choose-generation.ts';
import { readCurrent } from '../install/generations.ts';
import { inspectGeneration } from '../install/verify.ts';
import { checkGenerationFloor } from '../policy/floor.ts';
import { readState } from '../state/state-store.ts';
import { readTrustedRoot } from '../state/trust-store.ts';
import { checkWayBack } from '../state/way-back.ts';
import { nameOf } from '../traces.ts';
import { transact } from '../update.ts';
import type { Session } from '../session.ts';
import type { Command, CommandResult } from './command.ts';
import { cameWithSystem, leaveSystem, type Leaving } from '../slots/leave-system.ts';
import { writing } from './writing.ts';

export const rollback: Command = {
  name: 'rollback',
  describe: 'Go back to what was installed before, restart and check it',
  options: [
    {
      flag: 'to VERSION',
      describe: 'This version, or "baked" for what the appliance came with',
    },
    {
      flag: 'slot',
      describe: 'To the system in the other slot, at the next boot',
    },
    { flag: 'dry-run', describe: 'Say where it would go, and do nothing' },
  ],
  examples: ['rollback', 'rollback --to 1.4.1', 'rollback --to baked', 'rollback --slot'],
  next: ['hold', 'status', 'history'],
  run: (context, _args, flags) =>
    writing(context, async (session) => {
      const dry = flags.is('dry-run');
      if (
        flags.is('slot') ||
        (flags.text('to') === undefined && (await cameWithSystem(session)))
      )
        return toOtherSlot(session, { dry, named: flags.is('slot') });
      const { fx, config, layout } = session;
      const from = await readCurrent(fx.files, layout);
      const named = flags.text('to');
      const to = await chooseGeneration(session, named);
      const state = await readState(fx.files, config.stateDir);
      const { trusted } = await readTrustedRoot(
        fx.files,
        config.stateDir,
        config.trustRoot,
      );
      checkGenerationFloor(to, config.product, state, trusted);
      if (named === undefined) {
        await checkWayBack(fx.files, config, to.release, trusted, {
          where: `generation ${to.generation}`,
          named: `--to ${to.release?.version}`,
        });
      }
      // What lies in the store may have been changed by hand since it was current.
      const problem = (await inspectGeneration(session, to))[0];
      if (problem !== undefined) throw problem;
      const value = { from: nameOf(from), to: nameOf(to), generation: to.generation };
      if (dry) return { value, text: `would go back to ${value.to}` };
      const whole = await completeGeneration(session, to);
      const { health } = await transact(session, from, whole, { byHand: true });
      return {
        value: { ...value, generation: whole.generation, health },
        text: `${value.to} is back (before: ${value.from})`,
      };
    }),
};

async function toOtherSlot(session: Session, how: Leaving): Promise<CommandResult> {
  const { dry } = how;
  const { slot, version } = await leaveSystem(session, how);
  const name = `slot ${slot}${version === null ? '' : ` (${version})`}`;
  return {
    value: { slot, to: version, rebootPending: !dry },
    text: dry
      ? `would boot ${name} next`
      : `${name} is next: restart this machine to go back to it`,
  };
}
