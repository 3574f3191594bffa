import { fileURLToPath } from 'node:url';
import path from 'node:path';
import { build } from 'esbuild';
import t, { type Test } from 'tap';
import { needs } from '../../support/needs.ts';
import { run } from '../../support/process.ts';
import { answer, makeAuthority, serve, WAYS } from '../../support/web.ts';

const CLIENT = fileURLToPath(new URL('../../../client/', import.meta.url));

/** A program as it is shipped, one CommonJS file: it gets one file of the tree at argv[2] and does no more. */
async function bundle(folder: string): Promise<string> {
  const file = path.join(folder, 'get.cjs');
  const contents = `
    import { nodeNetwork } from './effects/network.ts';
    import { openSource } from './reader/open-source.ts';
    const [, , base, ca, always] = process.argv;
    const settings = {
      connectTimeoutMs: 60_000, stallTimeoutMs: 60_000, retries: 0, userAgent: 'test',
      ...(ca && { tls: { ca: Buffer.from(ca) } }),
    };
    const clock = { now: () => 0 };
    const effects = { network: nodeNetwork(process.env), clock };
    if (base) openSource(effects, base, settings).get('x', { maxBytes: 9, ...JSON.parse(always) }).then(console.log);
    else console.log(process.moduleLoadList.filter((name) => /https?$|tls$/.test(name)));
  `;
  const stdin = { contents, resolveDir: CLIENT, loader: 'ts' as const };
  const options = {
    bundle: true,
    platform: 'node',
    format: 'cjs',
    outfile: file,
  } as const;
  await build({ ...options, stdin, logLevel: 'error' });
  return file;
}

t.test(
  'a kept connection does not keep the program',
  needs('openssl'),
  async (t: Test) => {
    const folder = t.testdir();
    const file = await bundle(folder);
    const { ca, server } = makeAuthority(folder);
    const plain = await serve(t, answer(200, '{}'));
    const secure = await serve(t, answer(200, '{}'), server);
    for (const web of [plain, secure])
      for (const [way, always] of WAYS) {
        // The host would keep it for longer than the test may take.
        web.server.keepAliveTimeout = 600_000;
        const ended = await run(
          process.execPath,
          [file, web.url, String(ca), JSON.stringify(always)],
          {
            timeoutMs: 30_000,
          },
        );
        t.match(ended, { status: 0, stderr: '', stdout: /found/ }, way);
        t.not(web.seen.at(-1)?.headers.connection, 'close');
      }
  },
);

t.test('without a request no network package is loaded', async (t) => {
  const ended = await run(process.execPath, [await bundle(t.testdir())]);
  t.match(ended, { status: 0, stdout: '[]\n' });
});
