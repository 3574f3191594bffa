import fs from 'node:fs';
import t from 'tap';
import { runAt } from '../support/clocked.ts';
import { makeForge, sha256 } from '../support/forge.ts';
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

t.test('at the socket as well, with no clock but the real one', async (t) => {
  const bytes = 1_500_000;
  const limit = 500_000;
  const dir = t.testdir({ tree: {} });
  const forge = makeForge(`${dir}/tree`);
  const asked: { path: string; atMs: number }[] = [];
  const web = await serve(t, (request, reply) => {
    const path = request.url ?? '';
    asked.push({ path, atMs: performance.now() });
    const file = `${forge.dir}${path}`;
    const there = fs.existsSync(file);
    answer(there ? 200 : 404, there ? fs.readFileSync(file) : '')(request, reply);
  });
  const contents = [Buffer.alloc(bytes, 'quantix'), Buffer.from('#!/bin/sh\n')];
  const components = contents.map((content, at) => ({
    name: `part-${at}`,
    version: '1.0.0',
    kind: 'file' as const,
    install_path: `/data/bin/part-${at}`,
    permissions: '0755',
    content: { sha256: sha256(content), size: content.length },
    sources: [forge.object(content, 'identity')],
  }));
  forge.release({ manifest: { components } });
  /** One object is asked for when the last byte of the other has come, whatever lay in between in the kernel. */
  const measured = async (at: number): Promise<number> => {
    const host = makeHost(`${dir}/host-${at}`, {
      url: web.url,
      root: forge.rootBytes,
    });
    host.configure({
      allow_paths: ['/data/bin/'],
      bandwidth_limit: limit,
      retries: 0,
    });
    asked.length = 0;
    const { status, stderr } = await host.run(['download']);
    if (status !== 0) throw new Error(stderr);
    const objects = asked.filter(({ path }) => path.startsWith('/objects/'));
    const [first = NaN, second = NaN] = objects.map(({ atMs }) => atMs);
    return (bytes / (second - first)) * 1000;
  };
  // A machine with other work may be slower; nothing makes it faster.
  const rates: number[] = [];
  do rates.push(await measured(rates.length));
  while (rates.length < 5 && Math.max(...rates) < 0.9 * limit);
  const rate = Math.max(...rates);
  t.ok(Math.abs(rate - limit) < limit / 10, `${Math.round(rate)} bytes a second`);
});
