import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { loopDisk } from '../support/loop-disk.ts';
import { memoryFolder } from '../support/memory.ts';
import { needs, needsMounts } from '../support/needs.ts';
import { makeHost, makeWorkspace, publishNode } from '../support/sandbox.ts';

/** A host whose /data has no room for one more file: what people and monitors are told of it. */

t.test(
  'on a full disk it is the last run that is told, not the last that went well',
  { ...needs('mke2fs'), ...needsMounts() },
  async (t) => {
    const dir = memoryFolder(t);
    const workspace = await makeWorkspace(path.join(dir, 'updates'));
    await publishNode(workspace, '1.0.0');
    const tree = workspace.public;
    const root = path.join(tree, 'root/1.json');
    const host = makeHost(path.join(dir, 'host'), { url: `file://${tree}`, root });
    host.configure({ auto_apply: true });
    t.equal((await host.run(['run', '--now'])).status, 0);
    const data = host.path('/data');
    loopDisk(t, data, 16);
    const filler = path.join(data, 'filler');
    fillUp(filler);

    t.equal((await host.run(['run', '--now'])).status, 0, 'nothing new needs no room');
    t.match((await host.run(['status'])).stdout, /\(up-to-date\)$/m);

    fs.renameSync(`${tree}/channels`, `${tree}/elsewhere`);
    const before = Date.now() - 1000;
    t.equal((await host.run(['run', '--now'])).status, 10);
    const { stdout } = await host.run(['status', '--json']);
    const told = JSON.parse(stdout) as { lastCheck: string };
    t.match(told, {
      status: 'error',
      version: '1.0.0',
      lastRefusal: { exitCode: 10, message: /no such channel/ },
    });
    t.ok(Date.parse(told.lastCheck) >= before);
    t.match(
      (await host.run(['status', '--style', 'host-ui'])).stdout,
      /"status":"error"/,
    );
    t.match((await host.run(['metrics'])).stdout, /last_exit_code 10/);
    t.match(
      fs.readdirSync(host.path('/data/updates')).join(),
      /^((?!last-check.*new).)*$/,
    );

    fs.rmSync(filler);
    t.equal((await host.run(['recover', '--clear'])).status, 0);
    const cleared = await host.run(['status', '--json']);
    t.match(JSON.parse(cleared.stdout), { status: 'idle', lastRefusal: null });
    fs.renameSync(`${tree}/elsewhere`, `${tree}/channels`);
    t.equal((await host.run(['run', '--now'])).status, 0);
  },
);

/** To the last block, those that are kept back for root as well. */
function fillUp(filler: string): void {
  const block = Buffer.alloc(1024, 'x');
  const out = fs.openSync(filler, 'w');
  try {
    for (;;) fs.writeSync(out, block);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    fs.closeSync(out);
  }
}
