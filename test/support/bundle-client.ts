import { build } from 'esbuild';
import { type Sabotage, sabotaged } from './broken-client.ts';
import { ROOT } from './setup.mjs';

/** One file of an entry that calls startClient, as the client is one; for `node FILE --root …`. Gives `outfile`. */
export async function bundleClient(
  entry: string,
  outfile: string,
  sabotages: readonly Sabotage[] = [],
): Promise<string> {
  await build({
    absWorkingDir: ROOT,
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    logLevel: 'warning',
    plugins: [sabotaged(sabotages)],
  });
  return outfile;
}
