import fs from 'node:fs';
import t from 'tap';
import { runAt } from '../support/clocked.ts';
import { makeForge } from '../support/forge.ts';
import { makeHost } from '../support/sandbox.ts';
import { answer, serve } from '../support/web.ts';

/** A clock that moves by sleeping alone tells how long a run held back. */

const BYTES = 200_000;

t.test('a limit holds for all that a run fetches, wherever it lies', async (t) => {
  for (const [reason, own] of [
    ['the tree', true],
    ['another place that the pointer names', false],
  ] as const) {
    const dir = t.testdir();
    const forge = makeForge(`${dir}/tree`);
    const web = await serve(t, (request, reply) => {
      const path = request.url ?? '';
      const object = path.includes('/objects/');
      const file = `${forge.dir}/${path.replace(/^\/(?:cdn|tree)\//, '')}`;
      const there = fs.existsSync(file) && (!object || path.startsWith('/tree/') === own);
      const body = there ? fs.readFileSync(file) : '';
      answer(there ? 200 : 404, body)(request, reply);
    });
    const host = makeHost(`${dir}/host`, {
      url: `${web.url}/tree`,
      root: forge.rootBytes,
    });
    forge.release({
      content: Buffer.alloc(BYTES, 'quantix'),
      encoding: 'identity',
      pointer: own ? {} : { objects: [`${web.url}/cdn`] },
    });
    host.configure({ auto_apply: true, bandwidth_limit: '20k', retries: 0 });
    const { status, stderr, sleptMs } = await runAt(host, Date.now(), ['run']);
    t.equal(status, 0, stderr);
    t.ok(sleptMs > 9_800 && sleptMs < 11_500, `${reason}: ${sleptMs} ms`);
  }
});
