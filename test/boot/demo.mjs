// npm run demo:boot: one update of a machine in QEMU, then one that panics three times and is given up, on this terminal.
import { register } from 'node:module';
import { installMissing } from '../support/programs.mjs';
import { setUp } from '../support/setup.mjs';

setUp();
const missing = installMissing();
if (missing.length > 0) {
  console.error(`demo: error: ${missing.join(', ')} not installed`);
  process.exit(1);
}
process.env.QX_TEST_BUILT = '1';
register('../support/typescript.mjs', import.meta.url);
const { demo } = await import('./demo.ts');
process.exitCode = await demo();
