import { type Finished, programPath, run, type RunOptions } from './process.ts';
import type { Ended } from './three-components.ts';

/** The built client as a process of its own, started by `words` in front: a limit, another user. */
export async function builtClient(
  dir: string,
  args: string[],
  words: string[] = [],
  options?: RunOptions,
): Promise<Ended> {
  // What the test runner puts into the environment would open files and take memory.
  const client = [
    'env',
    '-u',
    'NODE_OPTIONS',
    process.execPath,
    programPath('qx-update'),
  ];
  const [program = '', ...rest] = [...words, ...client, '--root', dir, ...args];
  return ended(await run(program, rest, options));
}

export const ended = ({ status, signal, stdout, stderr }: Finished): Ended => ({
  status: status ?? -1,
  said: `${signal ?? ''}${stdout}${stderr}`,
});
