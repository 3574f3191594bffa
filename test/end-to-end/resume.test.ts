import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import t from 'tap';
import { objectPath } from '../../client/format/tree.ts';
import { makeForge, sha256 } from '../support/forge.ts';
import { needs } from '../support/needs.ts';
import { startNginx } from '../support/nginx.ts';
import { type Host, makeHost } from '../support/sandbox.ts';

const MiB = 1024 * 1024;
const SIZE = 100 * 1000 * 1000;

t.test(
  'a download that is killed twice goes on where it was',
  needs('nginx'),
  async (t) => {
    const dir = t.testdir({ tree: {}, host: {} });
    const forge = makeForge(`${dir}/tree`);
    const content = randomBytes(SIZE);
    const { object } = forge.release({ content });
    // About four seconds for the whole, so that there is time to kill in the middle.
    const nginx = await startNginx(t, forge.dir, { directives: 'limit_rate 25m;' });
    const host = makeHost(`${dir}/host`, { url: nginx.url, root: forge.rootBytes });
    const part = host.path(`/data/components/staging/${object.sha256}.part`);

    const lengths: number[] = [];
    for (const share of [0.3, 0.6]) {
      lengths.push(await killAt(host, part, share * SIZE));
      t.notOk(fs.existsSync(host.path('/data/bin/qx-node')), 'nothing is installed yet');
    }
    const last = await host.run(['apply']);
    t.equal(last.status, 0, last.stderr);
    t.equal(sha256(fs.readFileSync(host.path('/data/bin/qx-node'))), sha256(content));

    const path = `/${objectPath(object.sha256)}`;
    const seen = await nginx.requestsWhen(
      (all) => all.filter((one) => one.path === path).length === 3,
    );
    const ranges = seen.filter((one) => one.path === path).map((one) => one.range);
    t.equal(ranges[0], undefined, 'the first request asks for the whole');
    for (const [index, length] of lengths.entries()) {
      const start = Number(/^bytes=(\d+)-/.exec(ranges[index + 1] ?? '')?.[1]);
      t.comment(`killed at ${length} bytes, asked again from ${start}`);
      t.ok(
        start <= length && start >= length - MiB,
        `request ${index + 2} starts within 1 MiB of the kill`,
      );
    }
  },
);

t.test('a whole part from another file is noticed and fetched once more', async (t) => {
  const dir = t.testdir({ tree: {}, host: {} });
  const forge = makeForge(`${dir}/tree`);
  const content = randomBytes(3 * MiB);
  const { object } = forge.release({ content });
  const host = makeHost(`${dir}/host`, {
    url: `file://${forge.dir}`,
    root: forge.rootBytes,
  });
  const staging = host.path('/data/components/staging');
  fs.mkdirSync(staging, { recursive: true });
  fs.writeFileSync(`${staging}/${object.sha256}.part`, randomBytes(2 * MiB));
  const run = await host.run(['apply']);
  t.equal(run.status, 0, run.stderr);
  t.equal(sha256(fs.readFileSync(host.path('/data/bin/qx-node'))), sha256(content));
});

t.test(
  'SIGTERM ends a download with 75 and keeps what arrived',
  needs('nginx'),
  async (t) => {
    const dir = t.testdir({ tree: {}, host: {} });
    const forge = makeForge(`${dir}/tree`);
    const { object } = forge.release({ content: randomBytes(SIZE) });
    const nginx = await startNginx(t, forge.dir, { directives: 'limit_rate 25m;' });
    const host = makeHost(`${dir}/host`, { url: nginx.url, root: forge.rootBytes });
    const part = host.path(`/data/components/staging/${object.sha256}.part`);
    const running = host.start(['apply']);
    await reaches(part, 5 * MiB);
    const told = JSON.parse((await host.run(['status', '--json'])).stdout);
    t.match(told, { status: 'downloading', activity: { component: 'qx-node' } });
    t.ok(
      told.activity.percent > 0 && told.activity.percent < 100,
      'a second shell sees how far it is',
    );
    running.child.kill('SIGTERM');
    const ended = await running.ended;
    t.equal(ended.status, 75, ended.stderr);
    t.match(ended.stderr, /stopped by SIGTERM/);
    t.ok(fs.statSync(part).size >= 5 * MiB, 'what arrived is kept');
    t.notOk(fs.existsSync(host.path('/data/bin/qx-node')), 'nothing is installed');
  },
);

/** Starts `apply`, kills it with SIGKILL once the part is so long, and gives the part's length then. */
async function killAt(host: Host, part: string, bytes: number): Promise<number> {
  const running = host.start(['apply']);
  await reaches(part, bytes);
  running.child.kill('SIGKILL');
  await running.ended;
  return fs.statSync(part).size;
}

async function reaches(part: string, bytes: number): Promise<void> {
  const started = Date.now();
  while ((fs.statSync(part, { throwIfNoEntry: false })?.size ?? 0) < bytes) {
    if (Date.now() - started > 60_000)
      throw new Error(`${part} does not reach ${bytes} bytes`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
