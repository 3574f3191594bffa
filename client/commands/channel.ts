import compare from 'semver/functions/compare.js';
import * as v from 'valibot';
import { QxError, printable } from '../format/error.ts';
import { name as nameShape } from '../format/shapes.ts';
import { lookAtChannel } from '../look.ts';
import { findRelease, type Found } from '../found.ts';
import { openSession, withLock } from '../session.ts';
import { type Command, type Context } from './command.ts';
import { setKey } from './config.ts';

export const channel: Command = {
  name: 'channel',
  args: '[name]',
  values: { name: 'channels' },
  describe:
    'Which channel this host follows; with a name: what another has, and follow it',
  options: [
    { flag: 'yes', describe: 'Follow it without asking' },
    { flag: 'dry-run', describe: 'Say what it has, and change nothing' },
  ],
  examples: ['channel', 'channel beta', 'channel beta --yes'],
  next: ['check', 'apply'],
  run: async (context, [next], flags) => {
    const config = await context.config();
    const from = config.channel;
    if (next === undefined || next === from)
      return { value: { channel: from, changed: false }, text: from };
    const prospect = await prospectOf(context, checkName(next));
    for (const line of prospect.lines) context.out.say(line);
    const value = { ...prospect.value, from, channel: next };
    if (flags.is('dry-run')) return { value: { ...value, changed: false }, text: '' };
    if (!flags.is('yes')) await confirm(context, next);
    const file = await setKey(context, 'channel', next);
    if (config.origins.channel === 'environment')
      context.out.warn('QX_UPDATE_CHANNEL is set, and stronger than the file');
    return {
      value: { ...value, changed: true },
      text: `${file}: this host follows ${next}`,
    };
  },
};

interface Prospect {
  value: {
    version: string;
    installedVersion: string | null;
    step: Step;
    /** The stepping stone that comes first. */
    stone: string | null;
  };
  lines: string[];
}

type Step = 'forward' | 'same' | 'back' | 'not-taken';

/** What the other channel has. It is looked at as a run would: one that does not exist is no channel to follow. */
async function prospectOf(context: Context, next: string): Promise<Prospect> {
  const { fx, out, signal } = context;
  const config = { ...(await context.config()), channel: next };
  const session = await openSession(fx, config, out, signal);
  const found = await withLock(session, async () =>
    findRelease(session, await lookAtChannel(session), false),
  );
  const { version, product } = found.trusted.pointer;
  const { installedVersion = null } = found;
  const step = stepOf(found);
  const how = config.autoApply ? 'installs' : 'fetches';
  const stone = found.stone?.version ?? null;
  const first = stone === null ? 'it' : `${stone}, a stepping stone on the way,`;
  const what = {
    forward: `the next run ${how} ${first} when policies let it through ("check --explain")`,
    same: 'the versions are the same',
    back: `a step back that the publisher asks for: the next run ${how} it`,
    'not-taken':
      'a step back, which is not taken: this host waits until there is something newer',
  }[step];
  const offered = `${next} has ${product} ${version}; installed is ${installedVersion ?? 'nothing'}`;
  return { value: { version, installedVersion, step, stone }, lines: [offered, what] };
}

function stepOf({ trusted: { pointer }, installedVersion }: Found): Step {
  if (installedVersion === undefined) return 'forward';
  const order = compare(pointer.version, installedVersion);
  if (order === 0) return 'same';
  if (order > 0) return 'forward';
  return pointer.rollback === true ? 'back' : 'not-taken';
}

function checkName(text: string): string {
  if (v.is(nameShape, text)) return text;
  throw new QxError('usage', 'not the name of a channel', {
    expected: 'a name like "stable" (a-z, 0-9, ".", "_", "-")',
    found: printable(text),
  });
}

async function confirm(context: Context, next: string): Promise<void> {
  const answer = context.out.json
    ? null
    : await context.ask(`follow ${next} from now on? (yes/no) `);
  if (answer?.trim().toLowerCase() === 'yes') return;
  throw new QxError('usage', answer === null ? 'nobody can be asked' : 'not confirmed', {
    expected: answer === null ? '--yes' : 'yes',
    found: answer === null ? undefined : printable(answer),
    hint: 'nothing was changed',
  });
}
