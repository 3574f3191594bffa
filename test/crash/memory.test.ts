import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import t, { type Test } from 'tap';
import { hashFile } from '../../client/content/hash.ts';
import { nodeFiles } from '../../client/effects/files.ts';
import { memoryLimit, needsMemoryLimit } from '../support/cgroup.ts';
import { buildClientAt } from '../support/client-at.ts';
import { makeForge, sha256 } from '../support/forge.ts';
import { needs } from '../support/needs.ts';
import { startNginx } from '../support/nginx.ts';
import { type Finished, run } from '../support/process.ts';
import { type Host, makeHost } from '../support/sandbox.ts';
import { about, squashfs } from '../support/slot-image.ts';
import {
  devicePath,
  layOutSlots,
  publishImage,
  SLOT_SIZE_FILES,
  slotStart,
} from '../support/slot-host.ts';

/**
 * The client on a machine that has less memory for it than what it installs is large. What the kernel keeps of files counts
 * as well, and is given back when it is needed: only what a program holds itself gets it killed.
 */

const MIB = 1024 * 1024;
const LIMIT = 150_000_000;
const SIZE = 200 * MIB;
const SAYS = { layout: 'A', arch: 'x86_64', compatible: 'quantix-os', version: '1.0.0' };

t.setTimeout(1_100_000);

const limited = { ...needs('nginx'), ...needsMemoryLimit() };

/** An apply of `client`, and what the kernel did to it. */
async function applyLimited(t: Test, client: string, host: Host) {
  const limit = memoryLimit(t, LIMIT);
  const [shell = '', ...words] = limit.words;
  const started = [...words, process.execPath, client, '--root', host.dir, 'apply'];
  const finished: Finished = await run(shell, started, { timeoutMs: 900_000 });
  t.comment(`${limit.reclaims()} times at the limit, ${limit.kills()} processes killed`);
  return { finished, limit };
}

async function largeRelease(
  t: Test,
  publish: (dir: string) => { dir: string; root: Buffer },
) {
  const dir = t.testdir({ tree: {}, host: {} });
  const { dir: tree, root } = publish(`${dir}/tree`);
  const nginx = await startNginx(t, tree);
  return { dir, host: makeHost(`${dir}/host`, { url: nginx.url, root }) };
}

t.test('a component of 200 MiB in 150 MB of memory', limited, async (t) => {
  const content = randomBytes(SIZE);
  const { dir, host } = await largeRelease(t, (tree) => {
    const forge = makeForge(tree);
    forge.release({ version: '1.0.0', content });
    return { dir: tree, root: forge.rootBytes };
  });
  const place = host.path('/data/bin/qx-node');

  const hoarder = await buildClientAt(path.join(dir, 'hoarder.cjs'), {
    file: 'client/install/fetch-object.ts',
    from: 'await landing.take(counted(session, object, body, { start, url, onBytes }));',
    to: `const all: Uint8Array[] = [];
      for await (const piece of counted(session, object, body, { start, url, onBytes })) all.push(piece);
      await landing.take((async function* () { yield* all; })());`,
  });
  const killed = await applyLimited(t, hoarder, host);
  t.match(
    killed.finished,
    { status: null, signal: 'SIGKILL' },
    'who keeps it all is killed',
  );
  t.ok(killed.limit.kills() > 0);
  t.notOk(fs.existsSync(place));

  const { finished, limit } = await applyLimited(
    t,
    await buildClientAt(path.join(dir, 'client.cjs')),
    host,
  );
  t.equal(finished.status, 0, finished.stderr);
  t.equal(limit.kills(), 0);
  t.ok(limit.reclaims() > 0, 'the limit was felt');
  t.equal((await hashFile(nodeFiles(), place)).sha256, sha256(content));
});

t.test('a system image of 200 MiB in 150 MB of memory', limited, async (t) => {
  const image = Buffer.concat([squashfs(), randomBytes(SIZE), about(SAYS)]);
  const { dir, host } = await largeRelease(t, (tree) => {
    const forge = makeForge(tree);
    publishImage(forge, { version: '1.0.0', serial: 1, image });
    return { dir: tree, root: forge.rootBytes };
  });
  layOutSlots(host.dir);
  fs.truncateSync(devicePath(host.dir, 'B'), image.length);
  for (const file of SLOT_SIZE_FILES)
    fs.writeFileSync(host.path(file), `${image.length / 512}\n`);
  const { finished, limit } = await applyLimited(
    t,
    await buildClientAt(path.join(dir, 'client.cjs')),
    host,
  );
  t.equal(finished.status, 0, finished.stderr);
  t.equal(limit.kills(), 0);
  t.ok(limit.reclaims() > 0, 'the limit was felt');
  t.equal(sha256(slotStart(host.dir, 'B', image.length)), sha256(image));
});
