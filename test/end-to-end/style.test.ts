import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { needs } from '../support/needs.ts';
import { makeSite, startServing } from '../support/serving.ts';

/** `--style` prints what `serve` answers: the older callers' words without a server. */

const NODE = '#!/bin/sh\necho qx-node\n';
const PATHS = {
  'host-ui': { status: 'status', check: 'check' },
  vdc: { status: 'vdc/status', check: 'vdc/check' },
} as const;

t.test(
  'status and check speak like the paths of the API, whatever the host does',
  needs('curl', 'openssl'),
  async (t) => {
    const site = await makeSite(t);
    const { host, workspace } = site;
    const { ask } = await startServing(t, host);

    const alike = async (t: Test, found: object, exit = 0): Promise<void> => {
      for (const style of ['host-ui', 'vdc'] as const)
        for (const command of ['status', 'check', 'status'] as const) {
          const what = `${command} --style ${style}`;
          const printed = await host.run([command, '--style', style]);
          // What serve has just read counts there for half a second.
          await sleep(600);
          const served = await ask(PATHS[style][command]);
          t.equal(printed.status, command === 'check' ? exit : 0, printed.stderr);
          t.match(printed.stdout, /^\{.*\}\n$/, 'one line');
          t.same(printed.stdout, served.body, what);
          if (command === 'check' && style === 'host-ui') t.match(served.value, found);
        }
    };

    await site.publish('1.0.0', { 'qx-node': NODE });
    await t.test('nothing is installed', (t) => alike(t, { available: true }));
    t.equal((await host.run(['apply'])).status, 0);
    await t.test('up to date', (t) => alike(t, { available: false }));
    const notes = `${site.dir}/notes.md`;
    fs.writeFileSync(notes, 'Faster.\n');
    const more = ['--notes', notes];
    await site.publish('1.1.0', { 'qx-node': `${NODE}# 1.1.0\n` }, ...more);
    await t.test('an update waits', (t) =>
      alike(t, { available: true, latestVersion: '1.1.0', releaseNotes: /Faster/ }),
    );
    const rollout = ['rollout', 'quantix-os', 'stable', 'start'];
    await workspace.ok([...rollout, '--hours', '1', '--from', '0', '--to', '0']);
    await t.test('it is not for this host', (t) =>
      alike(t, { available: false, message: /^not now: rollout/ }, 75),
    );

    await t.test('what is refused is no answer', async (t) => {
      host.configure({ url: 'file:///nowhere' });
      for (const style of ['host-ui', 'vdc']) {
        const { status, stdout, stderr } = await host.run(['check', '--style', style]);
        t.equal(status, 10, stderr);
        t.equal(stdout, '');
        t.match(stderr, /no such file/);
      }
      const { stdout } = await host.run(['status', '--style', 'vdc']);
      t.match(JSON.parse(stdout), { status: 'error', error: /no such file/ });
    });
    await t.test('with --json its schema is told as well', async (t) => {
      const { stdout } = await host.run(['status', '--style', 'host-ui', '--json']);
      t.match(JSON.parse(stdout), { schemaVersion: 1, status: 'error' });
    });
    await t.test('another style is none', async (t) => {
      for (const command of ['status', 'check']) {
        const { status, stderr } = await host.run([command, '--style', 'loud']);
        t.equal(status, 2);
        t.match(stderr, /--style does not fit[^]*host-ui or vdc/);
      }
    });
  },
);
