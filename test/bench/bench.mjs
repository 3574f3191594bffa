// npm run bench [-- ROW …]: measures our programs side by side with their peers and prints one table.
// A run of all rows also writes it into test/bench/README.md.
import { register } from 'node:module';
import { installMissing } from '../support/programs.mjs';
import { setUp } from '../support/setup.mjs';

setUp();
const missing = installMissing();
if (missing.length > 0) {
  console.error(
    `bench: error: ${missing.join(', ')} not installed: nothing to hold against`,
  );
  process.exit(1);
}
// The programs stay as they are now, even when a source changes meanwhile.
process.env.QX_TEST_BUILT = '1';
register('../support/typescript.mjs', import.meta.url);
const { bench } = await import('./bench.ts');
process.exitCode = await bench(process.argv.slice(2));
