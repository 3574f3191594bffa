import process from 'node:process';
import { runCommandLine } from '../../client/cli.ts';
import type { Effects } from '../../client/effects/effects.ts';

/** The client as main.ts starts it, with other effects. */
export function startClient(fx: Effects): void {
  void runCommandLine(process.argv.slice(2), {
    fx,
    env: process.env,
    stdout: process.stdout,
    stderr: process.stderr,
    signal: new AbortController().signal,
    machine: 'x86_64',
  }).then((status) => (process.exitCode = status));
}
