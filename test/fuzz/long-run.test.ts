import path from 'node:path';
import t from 'tap';
import { run } from '../support/process.ts';
import { ROOT } from '../support/setup.mjs';

t.test('a target that is not there is no target that found nothing', async (t) => {
  const program = path.join(ROOT, 'test/fuzz/nightly.mjs');
  t.match(await run(process.execPath, [program, 'tar', 'nothing']), {
    status: 2,
    stdout: '',
    stderr: /no target: nothing\n.*targets are .*\btar\b/,
  });
});
