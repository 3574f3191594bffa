import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';
import type { Test } from 'tap';
import type { runCommandLine } from '../../client/cli.ts';
import { ROOT } from './setup.mjs';

export type RunCommandLine = typeof runCommandLine;

/** One place of the client's sources, and what a careless programmer would have written there. */
export interface Sabotage {
  /** "client/slots/install-image.ts" */
  file: string;
  from: string;
  to: string;
}

/** The client with these changes, to be called in this process. Fails when the source does not have the places. */
export async function brokenClient(
  t: Test,
  ...sabotages: Sabotage[]
): Promise<RunCommandLine> {
  const outfile = path.join(t.testdir(), 'broken.mjs');
  await build({
    absWorkingDir: ROOT,
    entryPoints: ['client/cli.ts'],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    banner: {
      js: "import { createRequire } from 'node:module';const require = createRequire(import.meta.url);",
    },
    logLevel: 'error',
    plugins: [sabotaged(sabotages)],
  });
  const client = (await import(pathToFileURL(outfile).href)) as {
    runCommandLine: RunCommandLine;
  };
  return client.runCommandLine;
}

/** Puts the changes in while the client is bundled. Throws when the source does not have the places once. */
export function sabotaged(sabotages: readonly Sabotage[]): Plugin {
  const broken = sabotages.map(({ file, from, to }) => {
    const source = fs.readFileSync(path.join(ROOT, file), 'utf8');
    if (source.split(from).length !== 2)
      throw new Error(`${file}: "${from}" is not there once`);
    return { file, contents: source.replace(from, () => to) };
  });
  return {
    name: 'sabotage',
    setup: (bundler) => {
      for (const { file, contents } of broken) {
        const only = new RegExp(`${file.replace(/[.\\/]/g, '\\$&')}$`);
        bundler.onLoad({ filter: only }, () => ({ contents, loader: 'ts' }));
      }
    },
  };
}
