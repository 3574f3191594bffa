import fs from 'node:fs';
import t, { type Test } from 'tap';
import { parseAdopted } from '../../../client/adopt/adopted.ts';
import { type Findings, look } from '../../../client/adopt/findings.ts';
import { planAdoption, planReturn } from '../../../client/adopt/plan.ts';
import { parseBlock } from '../../../client/boot/grub-block.ts';
import { readMounts } from '../../../client/boot/esp.ts';
import { findBootDisk, readPartitions } from '../../../client/boot/partitions.ts';
import { nodeFiles } from '../../../client/effects/files.ts';
import {
  fileSystem,
  makeOlderHost,
  OLDER_COMMAND_LINE,
  OLDER_GRUB_CFG,
  OWN_GRUB_CFG,
  UUIDS,
} from '../../support/older-host.ts';
import { refusal, said } from '../../support/refusal.ts';

async function findings(dir: string): Promise<Findings> {
  const files = nodeFiles();
  const disk = findBootDisk(await readPartitions(files, dir));
  return look(files, dir, disk, await readMounts(files, dir));
}

async function older(t: Test): Promise<Findings> {
  const dir = t.testdir();
  makeOlderHost(dir);
  return findings(dir);
}

const CORE = 'EFI/BOOT/BOOTX64.EFI';
const NEW_UUID = '0c0c0c0c-3333-4333-8333-0123456789ab';

t.test('the plan for a host of the older layout', async (t) => {
  const { slot, steps } = planAdoption(await older(t), false);
  t.equal(slot, 'A');
  t.same(
    steps.map(({ step, path }) => `${step} ${path.replace('/boot/grub/', '')}`),
    [
      'write boot-0.env',
      'write grub.cfg.older',
      'write grub.cfg.next',
      'write boot-1.env',
      'write adopted.env',
      'rename grub.cfg',
    ],
  );
  const bytes = steps.map((step) =>
    step.step === 'write' ? step.bytes : Buffer.alloc(0),
  );
  const [zero, before, ours, one, adopted] = bytes as [
    Buffer,
    Buffer,
    Buffer,
    Buffer,
    Buffer,
  ];
  t.equal(before.toString(), OLDER_GRUB_CFG);
  t.equal(ours.toString(), OWN_GRUB_CFG);
  t.ok(ours.length > 4096, 'what lies between the copies keeps them out of one sector');
  const state = {
    next: 'A',
    slots: { A: { kind: 'good', triesLeft: 8 }, B: { kind: 'none', triesLeft: 0 } },
  };
  t.same(parseBlock(zero)?.state, state);
  t.same(parseBlock(one)?.state, state);
  t.same(parseAdopted(adopted), {
    slot: 'A',
    uuid: UUIDS.A,
    words: ['root=LABEL=QUANTIX-A', 'ro', 'quiet', 'panic=10'],
    otherUuid: UUIDS.B,
  });
});

t.test(
  'the running slot is told by what the kernel was told, or by what is mounted',
  async (t) => {
    const found = await older(t);
    const line = (root: string): string => `BOOT_IMAGE=/boot/vmlinuz ${root} ro\n`;
    const mounted = (device: string, path = '/mnt/system') => [
      { device, path, options: ['ro'] },
    ];
    const rows: [root: string, mounts: Findings['mounts'], slot: 'A' | 'B' | null][] = [
      ['root=LABEL=QUANTIX-A', mounted('/dev/vda2'), 'A'],
      ['root=LABEL=QUANTIX-B', mounted('/dev/vda3'), 'B'],
      ['root=PARTLABEL=QUANTIX-B', [], 'B'],
      ['root=/dev/vda2', [], 'A'],
      ['root=UUID=1', mounted('/dev/vda3', '/'), 'B'],
      ['root=UUID=1', mounted('/dev/vda3', '/mnt/update-target'), null],
      ['root=UUID=1', [], null],
      ['root=LABEL=QUANTIX-A', mounted('/dev/vda3'), null],
      ['root=LABEL=QUANTIX-A root=LABEL=QUANTIX-B', [], null],
      ['root=LABEL=QUANTIX-C', [], null],
      ['', mounted('/dev/vda2'), null],
    ];
    for (const [root, mounts, slot] of rows) {
      const changed = { ...found, commandLine: line(root), mounts };
      const what = `${root} ${JSON.stringify(mounts)}`;
      if (slot !== null) t.equal(planAdoption(changed, false).slot, slot, what);
      else {
        const error = refusal(() => planAdoption(changed, false));
        t.match(error, { code: 'config', message: /booted slot is not known/ }, what);
      }
    }
  },
);

t.test('what does not fit is refused', async (t) => {
  const found = await older(t);
  const line = (words: string) => ({
    commandLine: `${OLDER_COMMAND_LINE.trim()} ${words}`,
  });
  const cores = (core: Partial<Findings['cores'][string]>) => ({
    cores: { [CORE]: { modules: [], folder: '/grub', ...core } },
  });
  const rows: [change: Partial<Findings>, says: RegExp][] = [
    [{ commandLine: 'root=LABEL=QUANTIX-A' }, /does not come from.*no BOOT_IMAGE/],
    [
      { commandLine: 'BOOT_IMAGE=/vmlinuz root=LABEL=QUANTIX-A' },
      /found BOOT_IMAGE=\/vmlinuz/,
    ],
    [line('single'), /not started as it usually is.*single/],
    [line('init=/bin/sh'), /not started as it usually is.*init=/],
    [line('rdinit=/bin/sh'), /not started as it usually is/],
    [line('boot=live'), /not started as it usually is/],
    [line('a="b'), /cannot be carried over.*a="b/],
    [line('a=$(reboot)'), /cannot be carried over/],
    [line('a=*'), /cannot be carried over/],
    [line('a={b,c}'), /cannot be carried over/],
    [line('a=;reboot'), /cannot be carried over/],
    [line(`a=${'x'.repeat(2000)}`), /too long/],
    [{ cores: {} }, /no GRUB that can be looked into/],
    [cores({ folder: '/EFI/quantix' }), /does not read the grub\.cfg.*\/EFI\/quantix/],
    [cores({ folder: null }), /a configuration of its own/],
    [{ modules: [] }, /GRUB lacks.*no regexp.*no loadenv/],
    [
      { modules: found.modules.filter((name) => name !== 'loadenv') },
      /found no loadenv$/,
    ],
    [{ efi: false, cores: {}, modules: [] }, /GRUB lacks/],
    [{ grubCfg: null }, /no grub\.cfg to take over from/],
    [{ grubCfg: Buffer.from('# of my own\n') }, /neither.*# of my own/],
    [{ uuids: { ...found.uuids, A: null } }, /not of the older layout/],
    [{ hasKernel: { A: false, B: null } }, /lacks its kernel/],
    [{ freeBytes: 100_000 }, /too little room/],
  ];
  for (const [change, says] of rows) {
    const error = refusal(() => planAdoption({ ...found, ...change }, false));
    t.equal(error.code, 'config', said(error));
    t.match(said(error), says);
  }
});

t.test('what looks odd and fits', async (t) => {
  const found = await older(t);
  const foreign = { ...found, grubCfg: Buffer.from('# of my own\n') };
  t.equal(planAdoption(foreign, true).slot, 'A', '--force takes a foreign grub.cfg');
  const bios = { ...found, efi: false, cores: {} };
  t.equal(planAdoption(bios, false).slot, 'A', 'BIOS: the folder of modules has them');
  const { modules } = found;
  const monolithic = { cores: { [CORE]: { modules: [...modules], folder: '/grub' } } };
  t.equal(planAdoption({ ...found, ...monolithic, modules: [] }, false).slot, 'A');
  const unmounted = { ...found, hasKernel: { A: null, B: null } };
  t.equal(planAdoption(unmounted, false).slot, 'A');
  const own = { ...found, grubCfg: Buffer.from(`${OWN_GRUB_CFG}# a later one\n`) };
  t.same(planAdoption(own, false), { slot: null, steps: [] }, 'ours already');
  const again = `${OLDER_COMMAND_LINE.trim()} panic=5 quantix.slot=A quantix.reason=proven`;
  const [words] = planAdoption({ ...found, commandLine: again }, false).steps.flatMap(
    (step) =>
      (step.step === 'write' ? (parseAdopted(step.bytes)?.words ?? []) : []).join(' ') ||
      [],
  );
  t.equal(
    words,
    'root=LABEL=QUANTIX-A ro quiet panic=5',
    'what was of one boot is left out',
  );
});

t.test('the older grub.cfg of each of its three writers is known', async (t) => {
  const found = await older(t);
  const master = OLDER_GRUB_CFG.replaceAll('QUANTIX-A', '${active_system}');
  for (const text of [
    OLDER_GRUB_CFG,
    OLDER_GRUB_CFG.replaceAll('QUANTIX-A', 'QUANTIX-B'),
    master,
  ])
    t.equal(planAdoption({ ...found, grubCfg: Buffer.from(text) }, false).slot, 'A');
  const without = OLDER_GRUB_CFG.replaceAll('/boot/vmlinuz', '/boot/other');
  t.throws(() => planAdoption({ ...found, grubCfg: Buffer.from(without) }, false));
});

/** What is found after an adoption, with these changes. */
async function adopted(t: Test, change: Partial<Findings> = {}): Promise<Findings> {
  const dir = t.testdir();
  makeOlderHost(dir);
  const found = await findings(dir);
  for (const step of planAdoption(found, false).steps) {
    if (step.step === 'write') fs.writeFileSync(`${dir}${step.path}`, step.bytes);
    if (step.step === 'rename') fs.renameSync(`${dir}${step.from}`, `${dir}${step.path}`);
  }
  return { ...(await findings(dir)), ...change };
}

t.test('the way back is one rename, then what nothing reads any more goes', async (t) => {
  const { slot, steps } = planReturn(await adopted(t));
  t.equal(slot, 'A');
  t.same(
    steps.map(({ step, path }) => `${step} ${path.replace('/boot/grub/', '')}`),
    ['rename grub.cfg', 'remove boot-0.env', 'remove boot-1.env', 'remove adopted.env'],
  );
  const lost = planReturn(await adopted(t, { grubCfg: null }));
  t.equal(lost.steps[0]?.step, 'rename', 'a grub.cfg that is gone comes back');
  t.same(planReturn(await older(t)), { slot: null, steps: [] }, 'never adopted');
  const begun = await older(t);
  const cut = { ...begun, ours: new Map([['boot-0.env', Buffer.alloc(0)]]) };
  t.same(
    planReturn(cut).steps.map(({ step }) => step),
    ['remove'],
    'an adoption that was cut off',
  );
});

t.test('once another system was written there is no way back', async (t) => {
  const found = await adopted(t);
  const environment = found.environment;
  t.ok(environment);
  if (environment === null) return;
  const { A } = environment.state.slots;
  const inB = (kind: 'trial' | 'good' | 'bad') => ({
    environment: {
      ...environment,
      state: { ...environment.state, slots: { A, B: { kind, triesLeft: 0 } } },
    },
  });
  const rows: [change: Partial<Findings>, says: RegExp][] = [
    [inB('trial'), /another system was written.*found trial/],
    [inB('good'), /another system was written/],
    [inB('bad'), /another system was written/],
    [
      { uuids: { A: UUIDS.A, B: null } },
      /another system was written.*another file system/,
    ],
    [{ uuids: { A: UUIDS.A, B: NEW_UUID } }, /another system was written/],
    [{ uuids: { A: NEW_UUID, B: UUIDS.B } }, /another system was written/],
    [{ ours: new Map() }, /nothing to go back to/],
  ];
  for (const [change, says] of rows) {
    const error = refusal(() => planReturn({ ...found, ...change }));
    t.equal(error.code, 'config');
    t.match(said(error), says);
  }
  const torn = { environment: { ...environment, readable: 0 } };
  t.equal(
    planReturn({ ...found, ...torn }).slot,
    'A',
    'copies that are lost say nothing',
  );
});

t.test('a file system is told by its UUID', async (t) => {
  const dir = t.testdir();
  makeOlderHost(dir);
  fs.writeFileSync(`${dir}/dev/vda3`, Buffer.alloc(4096));
  t.same((await findings(dir)).uuids, { A: UUIDS.A, B: null });
  fs.writeFileSync(`${dir}/dev/vda3`, fileSystem(NEW_UUID).subarray(0, 1500));
  t.same((await findings(dir)).uuids, { A: UUIDS.A, B: null }, 'too short to be one');
});

t.test('GRUB loads nothing by itself without the list of its commands', async (t) => {
  for (const list of ['command.lst', 'fs.lst']) {
    const dir = t.testdir();
    makeOlderHost(dir);
    t.not((await findings(dir)).modules.length, 0);
    fs.rmSync(`${dir}/boot/grub/x86_64-efi/${list}`);
    t.same((await findings(dir)).modules, [], list);
  }
  const dir = t.testdir();
  makeOlderHost(dir);
  fs.rmdirSync(`${dir}/sys/firmware/efi`);
  t.same((await findings(dir)).modules, [], 'those of UEFI are none for BIOS');
  fs.renameSync(`${dir}/boot/grub/x86_64-efi`, `${dir}/boot/grub/i386-pc`);
  t.not((await findings(dir)).modules.length, 0);
});
