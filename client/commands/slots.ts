import { change } from '../boot/boot-environment.ts';
import {
  type BootState,
  markBad as bad,
  markGood as good,
  type Slot,
} from '../boot/boot-state.ts';
import { QxError } from '../format/error.ts';
import { afterBoot } from '../hooks/system.ts';
import { readCurrent } from '../install/generations.ts';
import { checkHealth } from '../install/transaction.ts';
import { openSession, type Session, withLock } from '../session.ts';
import { recover } from '../install/recover.ts';
import { openEnvironment, readBooted, type SlotPlaces } from '../slots/host-slots.ts';
import { asQxError } from '../terminal/output.ts';
import type { Command, Context } from './command.ts';

export const markGood: Command = {
  name: 'mark-good',
  describe: 'Confirm the running system: the boot loader goes on booting it',
  options: [
    {
      flag: 'if-healthy',
      describe: 'Only when the declared health checks hold right now (else 75)',
    },
  ],
  examples: ['mark-good', 'mark-good --if-healthy'],
  next: ['mark-bad', 'status'],
  run: async (context, _args, flags) => {
    const places = await placesOf(context);
    const { slot } = await readBooted(context.fx.files, places);
    const session = await sessionIfPossible(context);
    const asked = flags.is('if-healthy') && session !== null;
    if (asked) await refuseUnhealthy(session);
    if (asked) await withLock(session, () => afterBoot(session, slot));
    // Nothing but this write decides; all that follows is told and may fail.
    const value = await mark(context, places, slot, good);
    if (session !== null)
      await orWarn(context, () =>
        withLock(session, async () => {
          await afterBoot(session, slot);
          await recover(session);
        }),
      );
    return { value, text: `slot ${slot} is good` };
  },
};

export const markBad: Command = {
  name: 'mark-bad',
  describe:
    'Give up the running system: the next boot is the other one, where that can be',
  examples: ['mark-bad'],
  next: ['rollback', 'status'],
  run: async (context) => {
    const places = await placesOf(context);
    const { slot } = await readBooted(context.fx.files, places);
    const value = await mark(context, places, slot, bad);
    return { value, text: `slot ${slot} is bad, slot ${value.next} is next` };
  },
};

/** One step of the environment with the booted slot; what it is then, as --json tells it. */
async function mark(
  { fx }: Context,
  places: SlotPlaces,
  booted: Slot,
  step: (state: BootState, slot: Slot) => BootState,
): Promise<BootState & { booted: Slot }> {
  const environment = openEnvironment(fx.files, places);
  const { next, slots } = await change(fx, environment, (state) => step(state, booted));
  return { booted, next, slots };
}

/** A host that has lost its configuration boots all the same, and is marked with what every appliance has. */
async function placesOf(context: Context): Promise<SlotPlaces> {
  try {
    return await context.config();
  } catch (error) {
    context.out.warn(`no configuration: ${asQxError(error).message}`);
    return { root: context.root, bootEnvironment: null };
  }
}

async function sessionIfPossible(context: Context): Promise<Session | null> {
  const { fx, out, signal } = context;
  try {
    return await openSession(fx, await context.config(), out, signal);
  } catch {
    return null;
  }
}

/** QxError `deferred` with the check that failed; a host whose own state is gone has nothing declared. */
async function refuseUnhealthy(session: Session): Promise<void> {
  const { fx, layout } = session;
  const generation = await readCurrent(fx.files, layout).catch(() => null);
  if (generation === null) return;
  const { trouble } = await checkHealth(session, generation, []);
  if (trouble === null) return;
  throw new QxError('deferred', trouble.message, {
    found: trouble.output === '' ? undefined : trouble.output,
    hint: 'the running system is not marked good yet',
  });
}

async function orWarn(context: Context, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    context.out.warn(`the slot is marked; ${asQxError(error).message}`);
  }
}
