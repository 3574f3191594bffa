import { build } from 'esbuild';
import { type Sabotage, sabotaged } from './broken-client.ts';
import { ROOT } from './setup.mjs';

/**
 * The client as one file whose clock QX_CLOCK sets (the product has no such switch); for `node FILE --root …`.
 * With sabotages it is a client that leaves something out.
 */
export async function buildClientAt(
  outfile: string,
  ...sabotages: Sabotage[]
): Promise<string> {
  await build({
    absWorkingDir: ROOT,
    entryPoints: ['test/support/client-at-main.ts'],
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
