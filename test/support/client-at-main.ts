import process from 'node:process';
import { runCommandLine } from '../../client/cli.ts';
import { nodeEffects } from '../../client/effects/node.ts';

/** The client as main.ts starts it, on a host whose clock stands at QX_CLOCK when it starts; without it, the real clock. */
const fx = nodeEffects(process.env);
const started = Date.now();
const clock = Date.parse(process.env.QX_CLOCK ?? new Date(started).toISOString());
const now = (): number => clock + (Date.now() - started);

process.once('beforeExit', () => process.exit());
void runCommandLine(process.argv.slice(2), {
  fx: { ...fx, clock: { ...fx.clock, now } },
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: new AbortController().signal,
  machine: 'x86_64',
}).then((status) => (process.exitCode = status));
