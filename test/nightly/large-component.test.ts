import { execFileSync } from 'node:child_process';
import { createCipheriv } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { hashFile } from '../../client/content/hash.ts';
import { nodeFiles } from '../../client/effects/files.ts';
import { needs } from '../support/needs.ts';
import { startNginx } from '../support/nginx.ts';
import { makeHost, makeWorkspace } from '../support/sandbox.ts';
import { ROOT } from '../support/setup.mjs';

const GiB = 1024 ** 3;
const PRELOAD = path.join(ROOT, 'test/support/peak-memory.cjs');

/** The environment that makes a program leave its memory high-water mark, and how to read it. */
function measured(dir: string) {
  const file = path.join(dir, 'peak');
  return {
    env: { NODE_OPTIONS: `--require=${PRELOAD}`, QX_PEAK_MEMORY: file },
    megabytes: () => (Number(fs.readFileSync(file, 'utf8')) * 1024) / 1e6,
  };
}

/** Half noise, half text, so that it compresses and is not all the same. */
function writeLarge(file: string, bytes: number): void {
  const noise = createCipheriv('aes-128-ctr', Buffer.alloc(16, 7), Buffer.alloc(16));
  const text = Buffer.alloc(512 * 1024, 'what a host downloads, it downloads once\n');
  const out = fs.openSync(file, 'w');
  for (let done = 0; done < bytes; done += 1024 * 1024) {
    fs.writeSync(out, noise.update(Buffer.alloc(512 * 1024)));
    fs.writeSync(out, text);
  }
  fs.closeSync(out);
}

t.setTimeout(1_800_000);

t.test('a component of 1 GiB passes in bounded memory', needs('nginx'), async (t) => {
  const dir = t.testdir({});
  const file = path.join(dir, 'large');
  writeLarge(file, GiB);
  const workspace = await makeWorkspace(path.join(dir, 'workspace'));
  const publisher = measured(dir);
  await workspace.ok(
    [
      'generate',
      '--product',
      'quantix-os',
      '--version',
      '1.0.0',
      '--channel',
      'stable',
      '--component',
      `qx-node=${file}`,
    ],
    { env: publisher.env, timeoutMs: 1_800_000 },
  );
  t.comment(`qx-repo generate: ${publisher.megabytes().toFixed(0)} MB`);
  t.ok(publisher.megabytes() < 250, `one worker, below 250 MB: ${publisher.megabytes()}`);

  const nginx = await startNginx(t, workspace.public);
  const host = makeHost(path.join(dir, 'host'), {
    url: nginx.url,
    root: path.join(workspace.public, 'root/1.json'),
  });
  const client = measured(dir);
  await host.run(['download'], { env: client.env, timeoutMs: 1_800_000 });
  t.comment(`qx-update download: ${client.megabytes().toFixed(0)} MB`);
  const finished = await host.run(['apply'], { env: client.env, timeoutMs: 1_800_000 });
  t.equal(finished.status, 0, finished.stderr);
  t.comment(`qx-update apply: ${client.megabytes().toFixed(0)} MB`);
  t.ok(client.megabytes() < 130, `the client stays below 130 MB: ${client.megabytes()}`);
  const installed = await hashFile(nodeFiles(), host.path('/data/bin/qx-node'));
  t.same(installed, await hashFile(nodeFiles(), file));
  execFileSync('rm', ['-rf', workspace.dir, host.dir, file]);
});
