import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { nodeEffects } from '../client/effects/node.ts';
import { outliveLostOutput } from '../client/terminal/lost-output.ts';
import { consoleInput } from './console.ts';
import { takeSecrets } from './keys/environment.ts';
import { run } from './run.ts';

/** Set by the bundler. */
declare const QX_BUILD_VERSION: string | undefined;

const beside = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const env = takeSecrets(process.env);
const { stdout, stderr } = outliveLostOutput('qx-repo', process);
process.exitCode = await run(process.argv.slice(2), {
  effects: nodeEffects(process.env),
  env,
  cwd: process.cwd(),
  input: consoleInput(process.stdin, stderr),
  who: `process ${process.pid}`,
  workers: availableParallelism(),
  // In the package the folder lies beside the bundle, in the sources one level up.
  templates: [beside('./repo-template'), beside('../repo-template')],
  clients: [beside('./qx-update.cjs'), beside('../dist/qx-update.cjs')],
  stdout,
  stderr,
  version: typeof QX_BUILD_VERSION === 'string' ? QX_BUILD_VERSION : '0.0.0',
});
