import fs from 'node:fs';
import t from 'tap';
import type { Test } from 'tap';
import { runCommandLine } from '../../client/cli.ts';
import type { HealthCheck } from '../../client/format/health.ts';
import { brokenClient, type RunCommandLine } from '../support/broken-client.ts';
import { cutOff } from '../support/cut-off.ts';
import { someError } from '../support/disturb.ts';
import { memoryFolder } from '../support/memory.ts';
import { disturbUpdate, type ImageUpdate } from '../support/slot-cuts.ts';
import {
  boot,
  nodeComponent,
  publishImage,
  readBootState,
  slotHost,
  systemImage,
  writeBootState,
} from '../support/slot-host.ts';
import { client } from '../support/three-components.ts';

/**
 * The installation of one system image with a component, cut off before each of its effects; with each cut the power
 * goes, and of what was not synced the disk keeps all kinds of parts. What boots next is whole, always.
 */

t.setTimeout(300_000);

const SEEDS = [0, 1, 2];
const IMAGE_BYTES = 2_500_000;

/** `health` is what the component declares. */
function imageUpdate(t: Test, health: HealthCheck[] = []): ImageUpdate {
  const { forge, host } = slotHost(memoryFolder(t));
  const image = systemImage('1.0.0', IMAGE_BYTES);
  const more = health.length === 0 ? {} : { health };
  const component = nodeComponent(forge, '1.0.0', more);
  publishImage(forge, {
    version: '1.0.0',
    serial: 1,
    image,
    manifest: { components: [component] },
  });
  return { prepared: host.dir, image };
}

/** Every cut with every seed; the faults that were found. */
async function cutEverywhere(
  update: ImageUpdate,
  seeds = SEEDS,
): Promise<{ cuts: number; faults: string[] }> {
  const whole = await disturbUpdate(update, Infinity, 0);
  const faults = whole.faults.map((fault) => `undisturbed: ${fault}`);
  let cuts = 0;
  for (let last = 1; last <= whole.seen.length + 1; last += 1) {
    for (const seed of seeds) {
      cuts += 1;
      const found = (await disturbUpdate(update, last, seed)).faults;
      const where = `cut before effect ${last}, ${whole.seen[last - 1] ?? 'the end'}, seed ${seed}`;
      faults.push(...found.map((fault) => `${where}: ${fault}`));
    }
  }
  return { cuts, faults };
}

t.test('power cuts before every effect', async (t) => {
  const { cuts, faults } = await cutEverywhere(imageUpdate(t));
  t.comment(`${cuts} power cuts`);
  t.same(faults, []);
});

t.test('a disk that fails at any effect', async (t) => {
  const update = imageUpdate(t);
  const { seen } = await disturbUpdate(update, Infinity, 0);
  const faults: string[] = [];
  for (let at = 1; at <= seen.length; at += 1) {
    const found = await disturbUpdate(update, at, 0, { fails: someError(at) });
    faults.push(
      ...found.faults.map((fault) => `${someError(at)} at ${seen[at - 1]}: ${fault}`),
    );
  }
  t.same(faults, []);
});

/**
 * The cuts after which the event stands in the history another number of times than once: a run of `command` cut before
 * each of its effects, then a whole one.
 */
async function notToldOnce(
  prepared: string,
  command: string,
  event: string,
): Promise<{ cuts: number; wrong: string[] }> {
  const wrong: string[] = [];
  for (let last = 1; ; last += 1) {
    const host = `${prepared}-${event}-${last}`;
    fs.cpSync(prepared, host, { recursive: true, verbatimSymlinks: true });
    const run = cutOff(last);
    await client(host, [command], run);
    await client(host, [command], cutOff(Infinity));
    const told = fs.readFileSync(`${host}/data/updates/history.ndjson`, 'utf8');
    const times = told.split(`"event":"${event}"`).length - 1;
    if (times !== 1) wrong.push(`before effect ${last}: told ${times} times`);
    fs.rmSync(host, { recursive: true });
    if (run.seen.length < last) return { cuts: last - 1, wrong };
  }
}

t.test(
  'that a system is good is told once, wherever the run that notes it is cut',
  async (t) => {
    const { prepared } = imageUpdate(t);
    await client(prepared, ['apply'], cutOff(Infinity));
    boot(prepared, 'B', 'trial');
    const { cuts, wrong } = await notToldOnce(prepared, 'mark-good', 'installed');
    t.ok(cuts > 10, `${cuts} cuts`);
    t.same(wrong, []);
  },
);

t.test(
  'that a trial was given up is told once, wherever the run that notes it is cut',
  async (t) => {
    const { prepared } = imageUpdate(t);
    await client(prepared, ['apply'], cutOff(Infinity));
    const { slots } = await readBootState(prepared);
    const usedUp = { A: slots.A, B: { kind: 'trial', triesLeft: 0 } } as const;
    await writeBootState(prepared, { next: 'A', slots: usedUp });
    boot(prepared, 'A', 'fallback');
    const { cuts, wrong } = await notToldOnce(prepared, 'recover', 'returned');
    t.ok(cuts > 10, `${cuts} cuts`);
    t.same(wrong, []);
  },
);

t.test('a client that gives the word before the image is there is found', async (t) => {
  const program = await brokenClient(t, {
    file: 'client/boot/boot-state.ts',
    from: 'return { ...withSlot(state, otherSlot(booted), EMPTY), next: booted };',
    to: 'return { ...withSlot(state, otherSlot(booted), full("trial")), next: otherSlot(booted) };',
  });
  const { faults } = await cutEverywhere({ ...imageUpdate(t), program }, [0]);
  t.ok(
    faults.some((fault) => /B would boot, and is not whole/.test(fault)),
    faults.join('\n'),
  );
});

t.test('a client that does not sync is found', async (t) => {
  const program = await brokenClient(t, {
    file: 'client/slots/slot-writer.ts',
    from: 'await this.#file?.sync();',
    to: '',
  });
  const { faults } = await cutEverywhere({ ...imageUpdate(t), program }, [0]);
  t.ok(
    faults.some((fault) => /B would boot, and is not whole/.test(fault)),
    faults.join('\n'),
  );
});

t.test(
  'bits that rot on the disk are read back, and one who does not look is found',
  async (t) => {
    const update = {
      ...imageUpdate(t),
      flaws: { rots: (file: string) => /sda3$/.test(file) },
    };
    t.same((await disturbUpdate(update, Infinity, 0)).faults, []);
    const program = await brokenClient(t, {
      file: 'client/slots/install-image.ts',
      from: '  await readBack(session, target, image);\n',
      to: '',
    });
    const { faults } = await disturbUpdate({ ...update, program }, Infinity, 0);
    t.match(faults, [/B would boot, and is not whole/, /B may be tried/]);
  },
);

t.test('a client that marks good before it has looked is found', async (t) => {
  const deaf: HealthCheck = { type: 'tcp', port: 1, timeout_seconds: 1, retries: 0 };
  const { prepared: host } = imageUpdate(t, [deaf]);
  const run = (program: RunCommandLine, ...words: string[]) =>
    client(host, words, cutOff(Infinity), undefined, program);
  t.equal((await run(runCommandLine, 'apply')).status, 0);
  boot(host, 'B', 'trial');
  t.equal((await run(runCommandLine, 'recover')).status, 0);
  const kind = async () => (await readBootState(host)).slots.B.kind;
  const honest = await run(runCommandLine, 'mark-good', '--if-healthy');
  t.match([honest.status, await kind()], [75, 'trial']);
  const careless = await brokenClient(t, {
    file: 'client/commands/slots.ts',
    from: '    if (asked) await refuseUnhealthy(session);\n',
    to: '',
  });
  const { status } = await run(careless, 'mark-good', '--if-healthy');
  t.match([status, await kind()], [0, 'good'], 'the check above would have failed');
});
