import { resolve } from 'node:path';
import { runCommandLine } from './cli.ts';
import { nodeEffects } from './effects/node.ts';
import { QxError } from './format/error.ts';
import { outliveLostOutput } from './terminal/lost-output.ts';

const MACHINES: Readonly<Record<string, string>> = {
  x64: 'x86_64',
  arm64: 'aarch64',
  ia32: 'x86',
};

const { stdout, stderr } = outliveLostOutput('qx-update', process);

// When all is done and nothing is left to wait for: Node would take the whole heap apart first.
process.once('beforeExit', () => process.exit());

const interrupted = new AbortController();
for (const name of ['SIGTERM', 'SIGINT'] as const) {
  process.on(name, () => {
    interrupted.abort(
      new QxError('deferred', `stopped by ${name}`, {
        hint: 'what was downloaded is kept; the next run goes on from there',
      }),
    );
  });
}

/** `--root sandbox` is meant from where the command was typed. */
function absoluteRoot(argv: string[]): string[] {
  return argv.map((word, index) => {
    if (word.startsWith('--root='))
      return `--root=${resolve(word.slice('--root='.length))}`;
    return argv[index - 1] === '--root' ? resolve(word) : word;
  });
}

runCommandLine(absoluteRoot(process.argv.slice(2)), {
  fx: nodeEffects(process.env),
  env: process.env,
  stdout,
  stderr,
  signal: interrupted.signal,
  machine: MACHINES[process.arch] ?? process.arch,
  program: [process.execPath, ...process.execArgv, process.argv[1] ?? ''],
  ask: async (question) => (await import('./terminal/ask.ts')).ask(process, question),
}).then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    stderr.write(`qx-update: error: ${String(error)}\n`);
    process.exitCode = 1;
  },
);
