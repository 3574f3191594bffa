import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import type { Pointer } from '../../client/format/pointer.ts';
import { turnOf } from '../../client/policy/rollout.ts';
import {
  type Json,
  NOW,
  newWorkspace,
  ok,
  pointerOf,
  qxRepo,
  smallRelease,
} from './support.ts';

/** Each step of a rollout is a signed pointer that says one thing more or less than the one before. */

const HOUR_MS = 3_600_000;
const after = (hours: number): string =>
  `${new Date(Date.parse(NOW) + hours * HOUR_MS).toISOString().slice(0, 19)}Z`;

async function publisher(dir: string) {
  const workspace = await newWorkspace(path.join(dir, 'w'));
  for (const version of ['1.0.0', '1.1.0']) {
    const what = smallRelease(path.join(dir, version), version);
    const channel = version === '1.0.0' ? ['--channel', 'stable'] : [];
    await ok(workspace, ['generate', '--version', version, ...channel, ...what]);
  }
  const step = (words: string, now = NOW): Promise<Json> =>
    ok(workspace, ['rollout', 'quantix-os', 'stable', ...words.split(' ')], { now });
  const refused = (words: string, now = NOW) =>
    qxRepo(workspace, ['rollout', 'quantix-os', 'stable', ...words.split(' ')], { now });
  return { workspace, step, refused, pointer: () => pointerOf(workspace, 'stable') };
}

/** What a step is not to touch. */
function rest({
  serial: _,
  issued: __,
  expires: ___,
  rollout: ____,
  paused: _____,
  ...all
}: Pointer): object {
  return all;
}

t.test(
  'start, pause, resume and finish change the rollout and nothing else',
  async (t) => {
    const { workspace, step, pointer } = await publisher(t.testdir());
    const first = {
      ...{ product: 'quantix-os', channel: 'stable', version: '1.1.0' },
      ...{ message: 'read the notes', deadline: '2026-06-01T00:00:00Z' },
      ...{ objects: ['https://cdn.example.org/os'] },
    };
    const file = path.join(workspace, 'public/channels/quantix-os/stable.json');
    fs.writeFileSync(file, JSON.stringify(first));
    await ok(workspace, ['sign']);
    const before = pointer();
    const serials: number[] = [before.serial];
    const all: [words: string, hours: number, rollout: object | undefined, paused: boolean][] =
    [
      ['start --hours 40 --from 10 --to 90', 0, { start: NOW, hours: 40, from: 10, to: 90 }, false],
      ['pause', 10, { start: after(10), hours: 30, from: 30, to: 90 }, true],
      ['resume', 15, { start: after(15), hours: 30, from: 30, to: 90 }, false],
      ['pause', 99, { start: after(99), hours: 0, from: 90, to: 90 }, true],
      ['finish', 100, undefined, false],
    ]; // prettier-ignore
    for (const [words, hours, rollout, paused] of all) {
      const result = await step(words, after(hours));
      t.match(result, { state: 'published', version: '1.1.0', paused });
      t.same(result.rollout, rollout ?? null, words);
      t.same(pointer().rollout, rollout, words);
      t.equal(pointer().paused ?? false, paused, words);
      t.equal(pointer().issued, after(hours));
      t.same(rest(pointer()), rest(before), `${words} leaves the rest alone`);
      serials.push(pointer().serial);
      const verified = await qxRepo(workspace, ['verify', '--fast'], {
        now: after(hours),
      });
      t.equal(verified.status, 0, verified.stdout);
    }
    t.same(
      serials,
      [...new Set(serials)].sort((a, b) => a - b),
      'serials go up',
    );
  },
);

t.test('who was let through before a pause is let through after it', async (t) => {
  const { step, pointer } = await publisher(t.testdir());
  await step('start --version 1.1.0 --hours 7 --from 3');
  const release = Object.values(pointer().manifests)[0]?.sha256 ?? '';
  const through = (pointer: Pointer, hours: number): boolean[] =>
    Array.from({ length: 3000 }, (_, at) => {
      const host = { id: at.toString(16).padStart(32, '0'), groups: [] };
      const { rollout } = pointer;
      const at_ = Date.parse(after(hours));
      return rollout === undefined || turnOf(rollout, release, host, at_).turn === 'now';
    });
  let before: boolean[] = [];
  for (const [hours, word] of [[1.234, 'pause'], [1.9, 'resume'], [2.777, 'pause'], [9, 'resume']] as const) {
    const then = through(pointer(), hours);
    t.notOk(before.some((was, at) => was && !then[at]), `nobody is shut out before ${word}`);
    if (word === 'pause') before = then;
    await step(word, after(hours));
    const now = through(pointer(), hours);
    if (word === 'pause') t.same(now, then, 'the share stands where it was');
    else t.notOk(before.some((was, at) => was && !now[at]), 'and goes on from there');
  }
  t.ok(before.includes(true) && before.includes(false), 'the pause was in its middle');
}); // prettier-ignore

t.test('a release and its rollout come in one pointer', async (t) => {
  const { step, pointer, workspace, refused } = await publisher(t.testdir());
  const before = pointer();
  const dry = await step('start --version 1.1.0 --hours 4 --groups canary,lab --dry-run');
  t.equal(dry.dryRun, true);
  t.same(pointer(), before, '--dry-run writes nothing');
  const start = '2026-03-02T00:00:00Z';
  const words = `start --version 1.1.0 --hours 4.5 --to 50 --groups canary,lab --start ${start}`;
  t.match(await step(words), { previousVersion: '1.0.0', version: '1.1.0' });
  const rollout = { start, hours: 4.5, from: 0, to: 50, groups: ['canary', 'lab'] };
  t.match(pointer(), { serial: before.serial + 1, version: '1.1.0', rollout });
  // The canaries are content: now everybody, one after the other.
  t.match(await step('start --hours 48'), { rollout: { from: 0, to: 100, hours: 48 } });
  const text = await refused('pause');
  t.match(text.stdout, /^quantix-os\/stable 1\.1\.0: paused at 0 % of hosts/);
  const again = await step('pause');
  t.equal(again.state, 'unchanged');
  t.equal(again.sha256, (await step('pause')).sha256);
  t.ok(fs.existsSync(path.join(workspace, `public/signatures/${again.sha256}.minisig`)));
});

t.test('steps that make no sense are refused, and the pointer stays', async (t) => {
  const { workspace, step, refused, pointer } = await publisher(t.testdir());
  const refuse = async (words: string, message: RegExp, now = NOW): Promise<void> => {
    const before = pointer();
    const called = await refused(words, now);
    t.equal(called.status, 2, `${words}: ${called.stderr}`);
    t.match(called.stderr, message, words);
    t.same(pointer(), before, words);
  };
  for (const word of ['pause', 'resume', 'finish', 'simulate'])
    await refuse(word, /the channel has no rollout/);
  await refuse('begin', /no such step[^]*start, pause, resume, finish, simulate/);
  await refuse('start', /takes some time/);
  await refuse('start --hours 0', /takes some time[^]*--hours 0/);
  await refuse('start --hours 9000', /--hours is not such a number/);
  await refuse('start --hours 1e3', /--hours is not such a number/);
  await refuse('start --hours 1 --from 101', /--from is not such a number/);
  await refuse('start --hours 1 --from -1', /--from/);
  await refuse('start --hours 1 --from 50 --to 40', /does not shrink[^]*--to 50 or more/);
  await refuse('start --hours 1 --start yesterday', /--start is not a time/);
  await refuse('start --hours 5 --start 2026-03-01T07:00:00Z', /lies in the past/);
  t.match(await refused('start --hours 1 --groups A'), { status: 23, stderr: /--groups/ });
  await refuse('start --hours 1 --version 9.9.9', /no such release|9\.9\.9/);
  await refuse('pause --hours 3', /--hours means nothing to "pause"/);
  await refuse('start --hours 3 --seed 3', /--seed means nothing to "start"/);
  await refuse('simulate --version 1.1.0', /--version means nothing to "simulate"/);
  await step('start --version 1.1.0 --hours 10 --start 2026-03-01T07:00:00Z');
  await refuse('start --hours 10 --from 49', /further already[^]*--from 50 or more/);
  await refuse('resume', /not paused/);
  await step('pause');
  await refuse('start --hours 10 --from 60', /the channel is paused/);
  const file = path.join(workspace, 'public/channels/quantix-os/stable.json');
  fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace('"paused": true', '"paused": false'));
  await refuse('resume', /not one that hosts would take[^]*qx-repo sign first/);
  const nowhere = await qxRepo(workspace, ['rollout', 'quantix-os', 'lab', 'pause']);
  t.match(nowhere, { status: 2, stderr: /the channel has no pointer/ });
}); // prettier-ignore

t.test('what the release gained since does not slip into a step', async (t) => {
  const dir = t.testdir();
  const { workspace, step, refused, pointer } = await publisher(dir);
  await step('start --version 1.1.0 --hours 10');
  const more = smallRelease(path.join(dir, 'arm'), '1.1.0 for arm');
  await ok(workspace, ['generate', '--version', '1.1.0', '--arch', 'aarch64', ...more]);
  const before = pointer();
  const called = await refused('pause');
  t.match(called, { status: 2, stderr: /gained an architecture[^]*qx-repo point/ });
  t.same(pointer(), before);
});
