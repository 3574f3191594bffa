import t, { type Test } from 'tap';
import type { Context } from '../../../client/commands/command.ts';
import type { Config } from '../../../client/config/config.ts';
import type { Effects } from '../../../client/effects/effects.ts';
import { nodeEffects } from '../../../client/effects/node.ts';
import { openCheck } from '../../../client/serve/check.ts';
import { openService } from '../../../client/serve/service.ts';
import type { ServeSettings } from '../../../client/serve/settings.ts';
import type { Ran, Self } from '../../../client/serve/self.ts';
import { writeLastCheck } from '../../../client/state/last-check.ts';

/** One look at the channel serves a crowd, and nobody is told what is not so any more. */

const FOUND: Ran = {
  status: 0,
  value: { status: 'available', version: '1.1.0' },
  error: null,
};

/** Each look takes until `looks` or one of `ends` is called, and leaves its word as a run does. */
function scene(t: Test) {
  let now = Date.parse('2026-01-31T12:00:00Z');
  const node = nodeEffects({});
  const fx: Effects = { ...node, clock: { ...node.clock, now: () => now } };
  const dir = t.testdir();
  const word = (result: 'available' | 'up-to-date'): Promise<void> =>
    writeLastCheck(fx, dir, { time: '2026-01-31T12:00:00Z', result, version: '1.1.0' });
  const ends: (() => void)[] = [];
  const self: Self = {
    run: async () => {
      await new Promise<void>((resolve) => ends.push(resolve));
      await word('available');
      return FOUND;
    },
    start: () => Promise.reject(new Error('nobody starts anything')),
  };
  const check = openCheck(fx, self, () => dir, () => undefined);
  const begun = async (count: number): Promise<void> => {
    while (ends.length < count) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  const looks = async (count: number): Promise<void> => {
    await begun(count);
    ends.at(-1)?.();
  };
  return { check, word, ends, begun, looks, later: (ms: number) => void (now += ms) };
} // prettier-ignore

t.test('a crowd asks the mirror once, and who comes soon after as well', async (t) => {
  const { check, ends, looks, later } = scene(t);
  const crowd = Array.from({ length: 20 }, () => check());
  await looks(1);
  for (const answer of await Promise.all(crowd)) t.equal(answer.what, 'found');
  later(900);
  await check();
  t.equal(ends.length, 1);
  later(101);
  const next = check();
  await looks(2);
  t.equal((await next).what, 'found');
});

t.test('what another run has said since makes an answer old', async (t) => {
  const { check, word, ends, looks } = scene(t);
  const first = check();
  await looks(1);
  await first;
  await word('up-to-date');
  const crowd = Array.from({ length: 20 }, () => check());
  await looks(2);
  await Promise.all(crowd);
  t.equal(ends.length, 2, 'one look for all of them');
});

t.test('other settings make it old, and a look that is under way', async (t) => {
  const { check, ends, begun, looks } = scene(t);
  const first = check();
  await looks(1);
  await first;
  check.forget();
  const second = check();
  await begun(2);
  check.forget();
  const third = check();
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.equal(ends.length, 2, 'the next begins when this one has ended');
  ends[1]?.();
  await second;
  await looks(3);
  await third;
  t.equal(ends.length, 3);
});

t.test('a service that is told of other settings looks again', async (t) => {
  const node = nodeEffects({});
  let runs = 0;
  const run = (): ReturnType<typeof node.processes.run> => {
    runs += 1;
    const stdout = Buffer.from('{"status": "up-to-date", "version": "1.0.0"}');
    const stderr = Buffer.alloc(0);
    return Promise.resolve({ status: 0, stdout, stderr, timedOut: false });
  };
  const clock = { ...node.clock, now: () => 0 };
  const fx: Effects = { ...node, clock, processes: { ...node.processes, run } };
  const context = { fx, env: {}, root: '/', program: ['node'] } as unknown as Context;
  const config = { stateDir: t.testdir() } as Config;
  const settings = {} as ServeSettings;
  const service = openService(context, config, settings);
  await service.check();
  await service.check();
  t.equal(runs, 1);
  service.settle({ ...config, channel: 'beta' }, settings);
  await service.check();
  t.equal(runs, 2);
});
