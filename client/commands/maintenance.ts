import { QxError } from '../format/error.ts';
import { time } from '../format/shapes.ts';
import { collectGarbage, findGarbage } from '../install/garbage.ts';
import { recover as recoverNow } from '../install/recover.ts';
import { formatTime } from '../format/time.ts';
import { durationMs, isDuration } from '../config/schema.ts';
import { openSession, withLock } from '../session.ts';
import { forgetRefusal } from '../traces.ts';
import { readState, writeState } from '../state/state-store.ts';
import * as v from 'valibot';
import type { Command } from './command.ts';
import { writing } from './writing.ts';

export const hold: Command = {
  name: 'hold',
  describe: 'Let nothing be installed on this host until further notice',
  options: [
    { flag: 'reason TEXT', describe: 'Why; status and refusals tell it' },
    {
      flag: 'until TIME',
      describe: 'Ends by itself: 2026-01-31T12:00:00Z, or a duration like 4h',
    },
  ],
  examples: ['hold --reason "guests are being moved"', 'hold --until 4h'],
  next: ['unhold', 'status'],
  run: (context, _args, flags) =>
    writing(context, async ({ fx, config }) => {
      const now = fx.clock.now();
      const reason = flags.text('reason');
      const until = untilOf(flags.text('until'), now);
      const held = {
        since: formatTime(now),
        ...(reason === undefined ? {} : { reason }),
        ...(until === undefined ? {} : { until }),
      };
      const state = await readState(fx.files, config.stateDir);
      await writeState(fx.files, config.stateDir, { ...state, hold: held });
      return {
        value: { hold: held },
        text: `held ${until === undefined ? 'until "qx-update unhold"' : `until ${until}`}`,
      };
    }),
};

function untilOf(text: string | undefined, now: number): string | undefined {
  if (text === undefined) return undefined;
  if (isDuration(text)) return formatTime(now + durationMs(text));
  if (v.is(time, text) && Date.parse(text) > now) return text;
  throw new QxError('usage', '--until is not a time to come', {
    expected: 'a time like 2026-01-31T12:00:00Z, or a duration like 30m, 4h, 2d',
    found: text,
  });
}

export const unhold: Command = {
  name: 'unhold',
  describe: 'Let updates through again',
  examples: ['unhold'],
  next: ['run', 'status'],
  run: (context) =>
    writing(context, async ({ fx, config }) => {
      const state = await readState(fx.files, config.stateDir);
      const was = state.hold ?? null;
      if (was !== null)
        await writeState(fx.files, config.stateDir, { ...state, hold: null });
      return {
        value: { hold: null, was },
        text: was === null ? 'was not held' : 'updates go on',
      };
    }),
};

export const gc: Command = {
  name: 'gc',
  describe: 'Remove generations and contents that nothing needs any more',
  options: [{ flag: 'dry-run', describe: 'Say what would go, and remove nothing' }],
  examples: ['gc --dry-run', 'gc'],
  next: ['status', 'verify'],
  run: (context, _args, flags) =>
    writing(context, async (session) => {
      const dry = flags.is('dry-run');
      const { keep } = session.config;
      const garbage = dry
        ? await findGarbage(session, keep)
        : await collectGarbage(session, keep);
      const { generations, contents } = garbage;
      return {
        value: { ...garbage, removed: !dry },
        text: `${dry ? 'would remove' : 'removed'} ${generations.length} generations and ${contents.length} contents`,
      };
    }),
};

export const recover: Command = {
  name: 'recover',
  describe:
    'Finish or undo what an interrupted run had begun; every command that writes does this first',
  options: [
    {
      flag: 'clear',
      describe: 'And forget what was last refused, so that "status" is no error any more',
    },
  ],
  examples: ['recover', 'recover --clear'],
  next: ['status', 'doctor'],
  run: async (context, _args, flags) => {
    const config = await context.config();
    const session = await openSession(context.fx, config, context.out, context.signal);
    const recovery = await withLock(session, async () => {
      const did = await recoverNow(session);
      if (flags.is('clear')) await forgetRefusal(session);
      return did;
    });
    const told = {
      nothing: 'nothing was interrupted',
      finished: 'an interrupted update is finished',
      undone: 'an interrupted update is undone',
    };
    return { value: { recovery }, text: told[recovery] };
  },
};
