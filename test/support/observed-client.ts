import fs from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import type { Test } from 'tap';
import { ROOT } from './setup.mjs';

/** One bundled file of observed-main.ts, as the client is one; for `node FILE --root …`. */
export async function observedClient(t: Test): Promise<string> {
  const folder = fs.mkdtempSync('/tmp/quantix-observed-');
  t.teardown(() => fs.rmSync(folder, { recursive: true }));
  const outfile = path.join(folder, 'qx-update.cjs');
  await build({
    absWorkingDir: ROOT,
    entryPoints: ['test/support/observed-main.ts'],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    logLevel: 'warning',
  });
  return outfile;
}

/** Every effect that the run wrote down: its name, then its words. */
export function readEffects(file: string): [name: string, ...words: string[]][] {
  const lines = fs.readFileSync(file, 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as [string, ...string[]]);
}
