import fs from 'node:fs';
import path from 'node:path';
import type { Test } from 'tap';
import { bundleClient } from './bundle-client.ts';

/** One bundled file of observed-main.ts, as the client is one; for `node FILE --root …`. */
export async function observedClient(t: Test): Promise<string> {
  const folder = fs.mkdtempSync('/tmp/quantix-observed-');
  t.teardown(() => fs.rmSync(folder, { recursive: true }));
  const outfile = path.join(folder, 'qx-update.cjs');
  return bundleClient('test/support/observed-main.ts', outfile);
}

/** Every effect that the run wrote down: its name, then its words. */
export function readEffects(file: string): [name: string, ...words: string[]][] {
  const lines = fs.readFileSync(file, 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as [string, ...string[]]);
}
