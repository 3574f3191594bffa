import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { nodeEffects } from '../../../client/effects/node.ts';
import { openSource } from '../../../client/reader/open-source.ts';
import { paceOf } from '../../../client/reader/pace.ts';
import { needs } from '../../support/needs.ts';
import { startNginx } from '../../support/nginx.ts';
import { sourceSettings } from '../../support/web.ts';

/** A clock that moves by sleeping alone, and by hand. */
function stillClock() {
  const clock = {
    ms: 1_000_000,
    now: () => clock.ms,
    sleep: (delay: number) => {
      clock.ms += delay;
      return Promise.resolve();
    },
  };
  return clock;
}

t.test('so many bytes take so long, in whatever pieces they come', async (t) => {
  for (const piece of [100, 1000, 64 * 1024]) {
    const clock = stillClock();
    const pace = paceOf(clock, 100_000);
    for (let bytes = 0; bytes < 655_360; bytes += piece) await pace(piece, undefined);
    const took = clock.ms - 1_000_000;
    t.ok(Math.abs(took - 6553.6) < piece / 100 + 1, `${took} ms in pieces of ${piece}`);
  }
});

t.test(
  'what came too slowly is made up for by a tenth of a second at the most',
  async (t) => {
    const clock = stillClock();
    const pace = paceOf(clock, 1000);
    clock.ms += 60_000;
    const started = clock.ms;
    for (let piece = 0; piece < 50; piece += 1) await pace(100, undefined);
    t.equal(clock.ms - started, 5000 - 100);
  },
);

t.test('a clock that is set back makes nobody wait for it to come round', async (t) => {
  const clock = stillClock();
  const pace = paceOf(clock, 1000);
  await pace(1000, undefined);
  clock.ms -= 3_600_000;
  const started = clock.ms;
  await pace(1000, undefined);
  await pace(1000, undefined);
  t.equal(clock.ms - started, 2000);
});

const BYTES = 1_500_000;
const LIMIT = 1_000_000;

t.test('what nginx sends is held back at the socket', needs('nginx'), async (t: Test) => {
  const objects = [`objects/ab/ab${'0'.repeat(62)}`, `objects/ab/ab${'1'.repeat(62)}`];
  const tree = t.testdir({ objects: { ab: {} } });
  for (const object of objects)
    fs.writeFileSync(path.join(tree, object), Buffer.alloc(BYTES, object));
  const nginx = await startNginx(t, tree);
  const fx = nodeEffects({});
  const fetchBoth = async (): Promise<{ bytes: number; rate: number }> => {
    const pace = paceOf(fx.clock, LIMIT);
    const sourceOf = () => openSource(fx, nginx.url, { ...sourceSettings(), pace });
    let [bytes, startedMs] = [0, 0];
    const take = async (object: string): Promise<void> => {
      const reply = await sourceOf().stream(object, { from: 0 });
      for await (const piece of reply?.body ?? []) {
        startedMs ||= fx.clock.now();
        bytes += piece.length;
      }
    };
    await Promise.all(objects.map(take));
    return { bytes, rate: bytes / ((fx.clock.now() - startedMs) / 1000) };
  };

  t.test('within ten percent of the limit, by two that fetch at once', async (t) => {
    // On a machine that is busy with other things it may come more slowly: never faster, and once right.
    let best = 0;
    for (let tried = 0; tried < 5 && best < LIMIT * 0.9; tried += 1) {
      const { bytes, rate } = await fetchBoth();
      t.equal(bytes, 2 * BYTES);
      t.ok(rate <= LIMIT * 1.1, `${Math.round(rate)} bytes per second`);
      best = Math.max(best, rate);
    }
    t.ok(best >= LIMIT * 0.9, `${Math.round(best)} bytes per second`);
  });

  t.test('and a run that is told to stop does not wait for it', async (t) => {
    const stop = new AbortController();
    const slow = openSource(fx, nginx.url, {
      ...sourceSettings(),
      pace: paceOf(fx.clock, 1000),
    });
    const reply = await slow.stream(objects[0] ?? '', { from: 0, signal: stop.signal });
    const started = fx.clock.now();
    setTimeout(() => stop.abort(new Error('stopped')), 50);
    await t.rejects(async () => {
      for await (const piece of reply?.body ?? []) t.ok(piece.length);
    }, /stopped/);
    t.ok(fx.clock.now() - started < 20_000, 'a piece alone would take a minute');
  });
});
