import fs from 'node:fs';
import t from 'tap';
import type { Test } from 'tap';
import { objectPath } from '../../client/format/tree.ts';
import { makeForge, sha256 } from '../support/forge.ts';
import { needs } from '../support/needs.ts';
import { startNginx } from '../support/nginx.ts';
import { makeHost } from '../support/sandbox.ts';
import {
  damageSlot,
  devicePath,
  layOutSlots,
  publishImage,
  readBootState,
  SLOT_SIZE_FILES,
  slotStart,
  systemImage,
} from '../support/slot-host.ts';

t.setTimeout(120_000);

const MiB = 1024 * 1024;
const SIZE = 40 * MiB;

/** An update that is told to stop when a part of the image lies in the slot. */
async function stopped(t: Test) {
  const dir = t.testdir({ tree: {}, host: {} });
  const forge = makeForge(`${dir}/tree`);
  const image = systemImage('1.0.0', SIZE);
  const { sources } = publishImage(forge, { version: '1.0.0', serial: 1, image });
  const nginx = await startNginx(t, forge.dir, { directives: 'limit_rate 20m;' });
  const host = makeHost(`${dir}/host`, { url: nginx.url, root: forge.rootBytes });
  layOutSlots(host.dir);
  for (const slot of ['A', 'B'] as const)
    fs.truncateSync(devicePath(host.dir, slot), SIZE + 2 * MiB);
  for (const file of SLOT_SIZE_FILES)
    fs.writeFileSync(host.path(file), `${(SIZE + 2 * MiB) / 512}\n`);
  const running = host.start(['apply']);
  await reaches(() => blocksOf(devicePath(host.dir, 'B')) > 10 * MiB);
  const told = JSON.parse((await host.run(['status', '--json'])).stdout) as object;
  running.child.kill('SIGTERM');
  const ended = await running.ended;
  t.equal(ended.status, 75, ended.stderr);
  t.match(told, { status: 'downloading', activity: { component: 'system' } });
  t.match(await readBootState(host.dir), { next: 'A', slots: { B: { kind: 'none' } } });
  const path = `/${objectPath(sources[0]?.sha256 ?? '')}`;
  const ranges = async (count: number): Promise<(string | undefined)[]> => {
    const of = (all: { path: string }[]) => all.filter((one) => one.path === path);
    const seen = await nginx.requestsWhen((all) => of(all).length === count);
    return seen.filter((one) => one.path === path).map(({ range }) => range);
  };
  return { host, image, ranges };
}

const blocksOf = (file: string): number => fs.statSync(file).blocks * 512;

async function reaches(holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 600 && !holds(); tries += 1)
    await new Promise((resolve) => setTimeout(resolve, 50));
}

t.test(
  'a half-written slot is gone on with, not begun again',
  needs('nginx'),
  async (t) => {
    const { host, image, ranges } = await stopped(t);
    const again = await host.run(['apply']);
    t.equal(again.status, 0, again.stderr);
    t.equal(sha256(slotStart(host.dir, 'B', image.length)), sha256(image));
    const [first, second] = await ranges(2);
    t.equal(first, undefined);
    const start = Number(/^bytes=(\d+)-/.exec(second ?? '')?.[1]);
    t.comment(`asked again from ${start} of ${image.length}`);
    t.ok(start >= 10 * MiB && start < image.length, 'the rest is asked for');
  },
);

t.test(
  'a start that changed meanwhile is not gone on with',
  needs('nginx'),
  async (t) => {
    const { host, image, ranges } = await stopped(t);
    damageSlot(host.dir, 'B', 5 * MiB);
    const again = await host.run(['apply']);
    t.equal(again.status, 0, again.stderr);
    t.equal(sha256(slotStart(host.dir, 'B', image.length)), sha256(image));
    t.same(await ranges(2), [undefined, undefined], 'the whole is asked for');
  },
);
