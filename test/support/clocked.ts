import { runCommandLine } from '../../client/cli.ts';
import type { Effects } from '../../client/effects/effects.ts';
import { nodeEffects } from '../../client/effects/node.ts';
import type { Host } from './sandbox.ts';

export interface Told {
  status: number;
  stdout: string;
  stderr: string;
  /** Milliseconds that the run slept. */
  sleptMs: number;
}

/** A command on a host whose clock says `time`; the clock moves by sleeping alone, and sleeping takes no time. */
export async function runAt(
  { dir }: Pick<Host, 'dir'>,
  time: string | number,
  args: string[],
  change: (fx: Effects) => Effects = (fx) => fx,
): Promise<Told> {
  let ms = typeof time === 'number' ? time : Date.parse(time);
  const started = ms;
  const told = { stdout: '', stderr: '' };
  const sink = (name: 'stdout' | 'stderr') => ({
    write: (text: string) => (told[name] += text),
  });
  const clock = {
    now: () => ms,
    sleep: (delay: number) => {
      ms += delay;
      return Promise.resolve();
    },
  };
  const status = await runCommandLine(['--root', dir, ...args], {
    fx: change({ ...nodeEffects({}), clock }),
    env: {},
    stdout: sink('stdout'),
    stderr: sink('stderr'),
    signal: new AbortController().signal,
    machine: 'x86_64',
  });
  return { status, ...told, sleptMs: ms - started };
}
