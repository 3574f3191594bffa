import fs from 'node:fs';
import path from 'node:path';
import { makeForge } from '../../support/forge.ts';
import { startNginx } from '../../support/nginx.ts';
import { publishImage } from '../../support/slot-host.ts';
import { slotImage } from '../appliance/images.ts';
import { must } from '../fat.ts';
import { powerOn } from '../appliance/qemu.ts';
import { choice, GOOD, markedGood, newDisk, NONE } from '../appliance/scenario.ts';
import type { Test } from 'tap';

export interface Recording {
  /** The disk as it was before the machine was switched on. */
  before: string;
  log: string;
  /** The image that was installed. */
  image: string;
}

/** Every write and flush of one update: from power on to the new system marked good. */
export async function recordUpdate(t: Test, dir: string): Promise<Recording> {
  const image = await slotImage({ layout: 'A', version: '1.1.0' });
  const forge = makeForge(path.join(dir, 'tree'));
  publishImage(forge, { version: '1.1.0', serial: 1, image: fs.readFileSync(image) });
  const nginx = await startNginx(t, forge.dir);
  const settings = [
    'product = "quantix-os"',
    `url = "http://10.0.2.2:${new URL(nginx.url).port}/"`,
    'check_interval = "0s"',
    'auto_reboot = true',
  ];
  const disk = await newDisk(t, {
    state: { next: 'A', slots: { A: GOOD, B: NONE } },
    slots: { A: await slotImage({ layout: 'A', version: '1.0.0' }) },
    config: { 'update.toml': `${settings.join('\n')}\n`, 'root.json': forge.rootBytes },
  });
  const [before, log] = [path.join(dir, 'before.img'), path.join(dir, 'log')];
  await must('cp', ['--sparse=always', disk, before]);
  fs.writeFileSync(log, '');
  const machine = await powerOn(t, disk, {
    blockdev: [
      ...['-blockdev', `driver=file,node-name=real,filename=${disk}`],
      ...['-blockdev', `driver=file,node-name=log,filename=${log}`],
      ...['-blockdev', 'driver=blklogwrites,node-name=disk,file=real,log=log'],
    ],
  });
  t.equal(await choice(machine), 'A proven');
  t.equal(await markedGood(machine), 'A');
  t.match(await machine.ok('qx-update apply --no-progress', 180), /restarting now/);
  t.equal(await choice(machine), 'B trial');
  t.equal(await markedGood(machine), 'B');
  await machine.cutPower();
  return { before, log, image };
}
