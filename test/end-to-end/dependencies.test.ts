import fs from 'node:fs';
import t from 'tap';
import { runAt } from '../support/clocked.ts';
import { hostAtOne, type Refused, START } from '../support/host-at-one.ts';
import type { Host } from '../support/sandbox.ts';

/** A release of the hosts that wants the control plane to be there first. */

const VDC = [{ product: 'quantix-vdc', min_version: '2.3.0' }];

function putFact(host: Host, script: string, mode = 0o755): void {
  const folder = host.path('/quantix/update/hooks.d/facts');
  fs.mkdirSync(folder, { recursive: true });
  fs.rmSync(`${folder}/quantix-vdc`, { force: true });
  fs.writeFileSync(`${folder}/quantix-vdc`, script, { mode });
  fs.chmodSync(`${folder}/quantix-vdc`, mode);
}

async function refused(host: Host): Promise<Refused['error']> {
  const { stderr } = await runAt(host, START, ['run', '--json']);
  return (JSON.parse(stderr) as Refused).error;
}

t.test('the configuration says which version another product has', async (t) => {
  const { host, configure, publish, runs } = await hostAtOne(t);
  publish({}, { dependencies: VDC });
  t.match(await refused(host), { exitCode: 75, message: /^dependency: nothing knows/ });
  configure({ facts: { 'quantix-vdc': '2.2.9' } });
  t.match(await refused(host), { exitCode: 25, found: '2.2.9' });
  t.equal(runs(), '1.0.0');
  configure({ facts: { 'quantix-vdc': '2.3.0' } });
  t.equal((await runAt(host, START, ['run'])).status, 0);
  t.equal(runs(), '1.1.0');
});

t.test(
  'a program of the host finds it out, and is trusted as far as it may be',
  async (t) => {
    const { host, publish, runs } = await hostAtOne(t);
    publish({}, { dependencies: VDC });
    for (const [script, mode, exitCode, found] of [
      ['#!/bin/sh\necho 2.4.0\n', 0o644, 75, /is not executable/],
      ['#!/bin/sh\necho 2.4.0\n', 0o777, 75, /can be written by others/],
      ['#!/bin/sh\necho 2.4.0; exit 1\n', 0o755, 75, /ended with 1: 2\.4\.0/],
      ['#!/bin/sh\necho two\n', 0o755, 75, /ended with 0: two/],
      ['#!/bin/sh\nkill -9 $$\n', 0o755, 75, /ended with a signal/],
      ['#!/bin/sh\necho 2.2.0\n', 0o755, 25, /^2\.2\.0$/],
    ] as const) {
      putFact(host, script, mode);
      t.match(await refused(host), { exitCode, found }, script);
    }
    t.equal(runs(), '1.0.0');
    putFact(
      host,
      '#!/bin/sh\ngrep -q \'"phase":"facts","product":"quantix-vdc"\' && echo 2.4.0\necho more\n',
    );
    t.equal((await runAt(host, START, ['run'])).status, 0);
    t.equal(runs(), '1.1.0');
  },
);

t.test('a component that is installed, and the product itself, are known', async (t) => {
  const { host, publish } = await hostAtOne(t);
  publish({}, { dependencies: [{ product: 'quantix-os', min_version: '1.0.1' }] });
  t.match(await refused(host), {
    exitCode: 25,
    expected: 'quantix-os 1.0.1 or later',
    found: '1.0.0',
  });
  publish({}, { dependencies: [{ component: 'qx-console', min_version: '1.0.0' }] });
  t.match(await refused(host), { exitCode: 75, expected: 'qx-console 1.0.0 or later' });
  publish({}, { dependencies: [{ component: 'qx-node', min_version: '1.1.0' }] });
  t.equal((await runAt(host, START, ['run'])).status, 0);
});
