import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { needs } from '../support/needs.ts';
import { programPath } from '../support/process.ts';
import { digestOf, runningAgent } from './appliance/agent.ts';
import { slotImage } from './appliance/images.ts';
import { newPublisher } from './appliance/publisher.ts';
import { APPLIANCE_PROGRAMS, powerOn } from './appliance/qemu.ts';
import { QX_NODE } from './appliance/root.ts';
import {
  choice,
  GOOD,
  markedGood,
  newDisk,
  NONE,
  statusOf,
} from './appliance/scenario.ts';

const programs = needs(...APPLIANCE_PROGRAMS, 'nginx', 'minisign');
t.setTimeout(1_150_000);

const CRON = '/etc/periodic/15min/qx-update';
const GRUB_CFG = '/boot/grub/grub.cfg';
const SECONDS = 180;

/** The component that overlay/README.md describes. */
function bootLoader(dir: string, name: string, grubCfg: string): string {
  const folder = path.join(dir, name);
  const put = 'exec /usr/lib/quantix-update/put-grub-cfg "${0%/*}/grub.cfg"';
  fs.mkdirSync(folder);
  fs.writeFileSync(path.join(folder, 'grub.cfg'), grubCfg);
  fs.writeFileSync(path.join(folder, 'put'), `#!/bin/sh\n${put}\n`, { mode: 0o755 });
  return `boot-loader=${folder}`;
}

t.test(
  'components on the appliance: the agent by OpenRC, the updater itself, a grub.cfg, and what a reboot keeps',
  programs,
  async (t) => {
    const dir = t.testdir({ broken: '#!/bin/sh\nexit 1\n' });
    const broken = path.join(dir, 'broken');
    fs.chmodSync(broken, 0o755);
    const publisher = await newPublisher(t);
    const state = { next: 'A', slots: { A: GOOD, B: NONE } } as const;
    const old = await slotImage({ layout: 'A', version: '1.0.0' });
    const { config } = publisher;
    const disk = await newDisk(t, { state, slots: { A: old }, config });
    const machine = await powerOn(t, disk);
    t.equal(await markedGood(machine), 'A');
    const [baked, updated] = [
      await digestOf(QX_NODE.baked),
      await digestOf(QX_NODE.updated),
    ];
    t.equal(await runningAgent(machine), baked, 'the one of the image');

    await publisher.publish('1.1.0', '--component', `qx-node=${QX_NODE.updated}`);
    await machine.ok('qx-update run', SECONDS);
    t.equal(await runningAgent(machine), updated, 'after the update');

    await publisher.publish('1.2.0', '--component', `qx-node=${broken}`);
    const bad = await machine.run('qx-update run', SECONDS);
    t.equal(bad.status, 40, bad.output);
    t.equal(await runningAgent(machine), updated, 'after the automatic return');
    t.match(await statusOf(machine), { version: '1.1.0' });

    await machine.ok('qx-update rollback --to baked', SECONDS);
    t.equal(await runningAgent(machine), baked, 'after the roll-back');

    await publisher.publish('1.3.0', '--component', `qx-update=${broken}`);
    await machine.ok('qx-update run', SECONDS);
    const said = await machine.run(CRON, SECONDS);
    t.match(said.output, /\/data\/bin\/qx-update failed with status 1/);
    const good = ['--component', `qx-update=${programPath('qx-update')}`];
    await publisher.publish(
      '1.4.0',
      ...good,
      '--component',
      `qx-node=${QX_NODE.updated}`,
    );
    t.match((await machine.run(CRON, SECONDS)).output, /installed quantix-os 1\.4\.0/);
    t.equal(await runningAgent(machine), updated, 'the image’s own client has mended it');
    t.match(await machine.ok('/data/bin/qx-update --version'), /^qx-update /);

    const grubCfg = await machine.ok(`cat ${GRUB_CFG}`);
    const newer = grubCfg.replace(/^echo "Next/m, 'echo "a newer grub.cfg"\n$&');
    await publisher.publish('1.5.0', '--component', bootLoader(dir, 'newer', newer));
    await machine.ok('qx-update run', SECONDS);
    t.equal(await machine.ok(`cat ${GRUB_CFG}`), newer, 'the ESP has the newer grub.cfg');
    await publisher.publish('1.6.0', '--component', bootLoader(dir, 'empty', ''));
    const none = await machine.run('qx-update run', SECONDS);
    t.match(none, { status: 40, output: /grub\.cfg is the one that it was/ });
    t.equal(await machine.ok(`cat ${GRUB_CFG}; ls /boot/grub | wc -l`), `${newer}3\n`);

    for (const file of ['/root/kept', '/data/kept', '/etc/gone', '/usr/gone'])
      await machine.ok(`echo kept >${file}`);
    await machine.ok('sync; reboot');
    await machine.says(/a newer grub\.cfg/);
    t.equal(await choice(machine), 'A proven');
    t.equal(await markedGood(machine), 'A');
    t.equal(await machine.ok('cat /root/kept /data/kept'), 'kept\nkept\n');
    t.equal(await machine.ok('ls /etc/gone /usr/gone 2>/dev/null | wc -l'), '0\n');
    t.equal(await runningAgent(machine), updated, 'after the reboot');
  },
);
