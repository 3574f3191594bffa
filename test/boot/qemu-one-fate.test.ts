import t from 'tap';
import { needs } from '../support/needs.ts';
import { digestOf, runningAgent } from './appliance/agent.ts';
import { slotImage } from './appliance/images.ts';
import { newPublisher } from './appliance/publisher.ts';
import { APPLIANCE_PROGRAMS, powerOn } from './appliance/qemu.ts';
import { QX_NODE } from './appliance/root.ts';
import {
  choice,
  environmentOf,
  GOOD,
  markedGood,
  newDisk,
  NONE,
  runInBackground,
  statusOf,
} from './appliance/scenario.ts';

const programs = needs(...APPLIANCE_PROGRAMS, 'nginx', 'minisign');
t.setTimeout(1_150_000);

/** Comes up, and is never well. */
const UNWELL = {
  'etc/conf.d/quantix-update-verify':
    'services="quantix-node"\nhealth_command=false\ndeadline=10\ninterval=1\n',
};

t.test(
  'UEFI and layout B: a system that is never well takes its components with it; then A → B → A',
  programs,
  async (t) => {
    const publisher = await newPublisher(t);
    const image = (version: string, scripts = {}): Promise<string> =>
      slotImage({ layout: 'B', version, scripts });
    const state = { next: 'A', slots: { A: GOOD, B: NONE } } as const;
    const { config } = publisher;
    const disk = await newDisk(t, { state, slots: { A: await image('1.0.0') }, config });
    const machine = await powerOn(t, disk, { firmware: 'uefi' });
    t.equal(await markedGood(machine), 'A');
    const [baked, updated] = [
      await digestOf(QX_NODE.baked),
      await digestOf(QX_NODE.updated),
    ];

    await publisher.publish('1.1.0', '--component', `qx-node=${QX_NODE.updated}`);
    await machine.ok('qx-update run', 180);
    t.equal(await runningAgent(machine), updated);

    await publisher.publish('2.0.0', '--image', await image('2.0.0', UNWELL));
    await runInBackground(machine, 'qx-update run');
    for (const attempt of [1, 2, 3]) {
      t.equal(await choice(machine), 'B trial', `try ${attempt}`);
      await machine.says(/not well within 10 seconds: false ended with status 1/);
    }
    t.equal(await choice(machine), 'A fallback');
    t.equal(await markedGood(machine), 'A');
    t.equal(await runningAgent(machine), updated, 'the override is back');
    t.match(await statusOf(machine), {
      version: '1.1.0',
      slots: { booted: 'A', reason: 'fallback', b: { state: 'trial', triesLeft: 0 } },
    });
    t.equal((await machine.run('qx-update run')).status, 75, 'it is refused');

    await publisher.publish('3.0.0', '--image', await image('3.0.0'));
    await runInBackground(machine, 'qx-update run');
    t.equal(await choice(machine), 'B trial');
    t.equal(await markedGood(machine), 'B');
    t.equal(
      await runningAgent(machine),
      baked,
      'what is baked in supersedes the override',
    );
    t.match(await statusOf(machine), { version: '3.0.0', slots: { booted: 'B' } });

    await publisher.publish('4.0.0', '--image', await image('4.0.0'));
    await runInBackground(machine, 'qx-update run');
    t.equal(await choice(machine), 'A trial');
    t.equal(await markedGood(machine), 'A');
    t.match(await statusOf(machine), { version: '4.0.0', slots: { booted: 'A' } });
    await machine.cutPower();
    t.match(await environmentOf(disk), { next: 'A', a: 'good-8', b: 'good-8' });
  },
);
