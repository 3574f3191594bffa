import fs from 'node:fs';
import t, { type Test } from 'tap';
import { activate, type BootState, rollBackTo } from '../../client/boot/boot-state.ts';
import { change } from '../../client/boot/boot-environment.ts';
import { grubEnvironment } from '../../client/boot/grub-environment.ts';
import { nodeEffects } from '../../client/effects/node.ts';
import { nodeFiles } from '../../client/effects/files.ts';
import { type CutRun, cutOff } from '../support/cut-off.ts';
import { needs } from '../support/needs.ts';
import { makeOlderHost, UUIDS } from '../support/older-host.ts';
import { snapshot } from '../support/snapshot.ts';
import { client } from '../support/three-components.ts';
import {
  newOlderMachine,
  OLDER_MACHINE_PROGRAMS,
  type OlderMachine,
} from './older-machine.ts';

const programs = needs(...OLDER_MACHINE_PROGRAMS);
const NEW_UUID = '0c0c0c0c-3333-4333-8333-0123456789ab';

/** By its own label, as the older grub.cfg does it. */
const OLDER_WAY = [
  'linux /boot/vmlinuz root=LABEL=QUANTIX-A ro quiet',
  'initrd /boot/initramfs',
  'boot',
];

function adoptedWay(reason: string): string[] {
  return [
    `linux (hd0,gpt2)/boot/vmlinuz root=LABEL=QUANTIX-A ro quiet panic=10 quantix.slot=A quantix.reason=${reason}`,
    'initrd (hd0,gpt2)/boot/initramfs',
    'boot',
  ];
}

interface Scene {
  host: string;
  esp: string;
  machine: OlderMachine;
  /** "B trial", "A fallback", or "older way". */
  starts: (count: number) => Promise<string[]>;
  step: (step: (state: BootState) => BootState) => Promise<BootState>;
  adopt: (...flags: string[]) => Promise<void>;
}

async function scene(t: Test): Promise<Scene> {
  const dir = t.testdir();
  const host = `${dir}/host`;
  const esp = `${host}/boot`;
  makeOlderHost(host);
  const machine = await newOlderMachine(`${dir}/machine`);
  const starts = async (count: number): Promise<string[]> => {
    const seen: string[] = [];
    while (seen.length < count) seen.push(shortly(await machine.start(esp)));
    return seen;
  };
  const adopt = async (...flags: string[]): Promise<void> => {
    const { status, said } = await client(host, ['adopt', ...flags], cutOff(Infinity));
    t.equal(status, 0, said);
  };
  const step: Scene['step'] = (step) =>
    change(nodeEffects({}), grubEnvironment(nodeFiles(), `${esp}/grub`), step);
  return { host, esp, machine, starts, adopt, step };
}

function shortly(calls: readonly string[]): string {
  if (calls.join() === OLDER_WAY.join()) return 'older way';
  const words = /quantix\.slot=(\S+) quantix\.reason=(\S+)/.exec(calls.join(' '));
  return words?.slice(1).join(' ') ?? `nothing: ${calls.join()}`;
}

t.test(
  'an adopted host boots its older slot as before, counted and with our reasons',
  programs,
  async (t) => {
    const { esp, machine, adopt, starts } = await scene(t);
    t.same(await machine.start(esp), OLDER_WAY, 'the older way before');
    await adopt();
    t.same(await machine.start(esp), adoptedWay('proven'));
    t.same(await starts(7), Array<string>(7).fill('A proven'));
    t.same(await machine.start(esp), adoptedWay('refilled'), 'nobody marks it good');
  },
);

t.test('a trial in the other slot comes back to the older one', programs, async (t) => {
  const { adopt, machine, esp, starts, step } = await scene(t);
  await adopt();
  await machine.write('B', NEW_UUID);
  await step((state) => activate(state, 'B'));
  const [linux] = await machine.start(esp);
  t.match(
    linux,
    /^linux \(hd0,gpt3\)\/boot\/vmlinuz root=PARTLABEL=QUANTIX-B quantix\.slot=B quantix\.reason=trial ro /,
    'the new system is told what every new one is told',
  );
  t.same(await starts(2), ['B trial', 'B trial']);
  t.same(await machine.start(esp), adoptedWay('fallback'));
});

t.test('an image over the older slot is booted as every image', programs, async (t) => {
  const { adopt, machine, esp, step } = await scene(t);
  await adopt();
  await machine.write('A', NEW_UUID);
  await step((state) => rollBackTo(state, 'A'));
  const [linux] = await machine.start(esp);
  t.match(
    linux,
    /vmlinuz root=PARTLABEL=QUANTIX-A quantix\.slot=A quantix\.reason=proven ro /,
  );
});

t.test(
  'the way back boots the older way, with every byte as it was',
  programs,
  async (t) => {
    const { esp, host, adopt, starts, machine } = await scene(t);
    const before = snapshot(esp);
    await adopt();
    t.same(await starts(2), ['A proven', 'A proven']);
    await adopt('--undo');
    t.same(snapshot(esp), before);
    t.same(await machine.start(esp), OLDER_WAY);
    await adopt('--undo');
    t.same(snapshot(esp), before, 'once more changes nothing');
    t.ok(fs.existsSync(`${host}/dev/vda2`));
  },
);

/** Cut before each effect: what GRUB then does with what lies there, and what the next run makes of it. */
async function cutEverywhere(
  t: Test,
  flags: readonly string[],
  prepare: (host: string) => Promise<unknown>,
  reached: string,
): Promise<void> {
  const dir = t.testdir();
  const machine = await newOlderMachine(`${dir}/machine`);
  const boots = new Set<string>();
  const words = ['adopt', ...flags];
  for (let last = 1; ; last += 1) {
    const host = `${dir}/host-${last}`;
    makeOlderHost(host);
    await prepare(host);
    const run: CutRun = cutOff(last);
    const { status } = await client(host, words, run);
    const whole = run.seen.length < last;
    const where = `cut before effect ${last}, ${run.seen[last - 1]}`;
    const seen = shortly(await machine.start(`${host}/boot`));
    boots.add(seen);
    if (!['older way', 'A proven'].includes(seen)) t.fail(`${where}: GRUB ${seen}`);
    const again = await client(host, words, cutOff(Infinity));
    const then = shortly(await machine.start(`${host}/boot`));
    if (again.status !== 0 || then !== reached)
      t.fail(`${where}: then ${again.status}, ${then}: ${again.said}`);
    fs.rmSync(host, { recursive: true });
    if (whole) {
      t.equal(status, 0);
      t.ok(last > 10, `${last - 1} effects`);
      break;
    }
  }
  t.same([...boots].sort(), ['A proven', 'older way'], 'one way or the other');
}

t.test('cut off anywhere, an adoption leaves a host that boots', programs, async (t) => {
  await cutEverywhere(t, [], () => Promise.resolve(), 'A proven');
});

t.test('cut off anywhere, the way back leaves a host that boots', programs, async (t) => {
  const adopted = (host: string) => client(host, ['adopt'], cutOff(Infinity));
  await cutEverywhere(t, ['--undo'], adopted, 'older way');
});

t.test('an adopted.env that is not whole is as good as none', programs, async (t) => {
  const { adopt, machine, esp } = await scene(t);
  await adopt();
  const file = `${esp}/grub/adopted.env`;
  const whole = fs.readFileSync(file, 'latin1');
  const plain =
    /vmlinuz root=PARTLABEL=QUANTIX-A quantix\.slot=A quantix\.reason=proven ro /;
  const wrecks = [
    '',
    whole.slice(0, 60),
    whole.replace(UUIDS.A, NEW_UUID),
    whole.replace(UUIDS.A, '-f /boot/vmlinuz --set=prefix'),
    whole.replace('ro quiet', 'ro $(reboot) *'),
    whole.replace('adopted_slot=A', 'adopted_slot='),
  ];
  for (const wreck of wrecks) {
    t.not(wreck, whole);
    fs.writeFileSync(file, wreck, 'latin1');
    t.match((await machine.start(esp))[0], plain, JSON.stringify(wreck.slice(25, 120)));
  }
});
