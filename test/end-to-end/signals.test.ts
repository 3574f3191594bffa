import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { QxError } from '../../client/format/error.ts';
import { cutOff } from '../support/cut-off.ts';
import { sha256 } from '../support/forge.ts';
import { installed, running, SERVICE } from '../support/scene.ts';
import { client, publish, standing, world } from '../support/three-components.ts';

t.setTimeout(300_000);

/** One run, which is told to stop at its effect number `at`. */
function stoppedAt(dir: string, at: number): ReturnType<typeof client> {
  const stop = new AbortController();
  const reason = new QxError('deferred', 'stopped by SIGTERM');
  const run = cutOff(at, undefined, { onReached: () => stop.abort(reason) });
  return client(dir, ['apply'], run, stop.signal);
}

t.test('a run that is told to stop leaves the old set, or it was too late', async (t) => {
  const { dir, forge, host } = world(t);
  const prepared = path.join(dir, 'prepared');
  publish(forge, '1.0.0', 1);
  host(prepared);
  t.equal((await client(prepared, ['apply'], cutOff(Infinity))).status, 0);
  publish(forge, '2.0.0', 2);
  const ends: (number | null)[] = [];
  for (let at = 1; ends.slice(-3).join() !== '0,0,0'; at += 1) {
    const place = path.join(dir, `host-${at}`);
    fs.cpSync(prepared, place, { recursive: true, verbatimSymlinks: true });
    const { status, said } = await stoppedAt(place, at);
    ends.push(status);
    const stands = status === 0 ? '2.0.0' : '1.0.0';
    const where = `stopped at effect ${at}`;
    if (status !== 0 && status !== 75) t.fail(`${where}: ended with ${status}: ${said}`);
    t.same(standing(place), [stands, stands, stands], where);
    t.notOk(
      fs.existsSync(path.join(place, 'data/updates/journal.json')),
      'nothing is open',
    );
    const next = await client(place, ['apply'], cutOff(Infinity));
    t.equal(next.status, 0, `${where}, and the next run: ${next.said}`);
    t.same(standing(place), ['2.0.0', '2.0.0', '2.0.0']);
    fs.rmSync(place, { recursive: true });
  }
  const stopped = ends.filter((status) => status === 75).length;
  t.ok(stopped > 20, `${stopped} effects at which it stops`);
  t.same(ends.slice(0, stopped), Array(stopped).fill(75), 'and later it is too late');
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  t.test(`${signal} within the transaction waits for its end`, async (t) => {
    const { host, publish, asks, port, services, first } = await running(t);
    const health = [
      { type: 'http', port, path: '/health', timeout_seconds: 1, retries: 4 },
    ];
    publish({ version: '1.1.0', healthStatus: 500 }, { health });
    const bad = host.start(['apply']);
    await bad.printed(/restarting quantix-node/);
    bad.child.kill(signal);
    const taken = await bad.ended;
    t.equal(taken.status, 40, taken.stderr);
    t.equal(installed(host), sha256(first), 'the old content is back');
    t.same(services.calls(SERVICE), ['start', 'restart', 'restart']);

    publish({ version: '1.2.0', lateMs: 1_000 });
    const good = host.start(['apply']);
    await good.printed(/restarting quantix-node/);
    good.child.kill(signal);
    const done = await good.ended;
    t.equal(done.status, 0, done.stderr);
    t.equal(await asks(), '1.2.0');
  });
}
