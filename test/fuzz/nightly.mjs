// What npm run nightly starts: QX_FUZZ_CASES cases (a million) of each target, or of those that are named, on all
// cores. Goes on where it was stopped, as long as no source has changed. QX_FUZZ_SEED chooses other cases.
import { register } from 'node:module';

register('../support/typescript.mjs', import.meta.url);
const { fuzzAll } = await import('./long-run.ts');
process.exitCode = await fuzzAll(process.argv.slice(2));
