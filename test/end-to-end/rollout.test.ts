import fs from 'node:fs';
import t, { type Test } from 'tap';
import type { Pointer } from '../../client/format/pointer.ts';
import { placeOf, type Rollout } from '../../client/policy/rollout.ts';
import { runAt } from '../support/clocked.ts';
import { makeForge } from '../support/forge.ts';
import { makeHost } from '../support/sandbox.ts';

/** A host that runs 1.0.0, and a channel whose pointer says more than a version. */

const START = '2098-03-01T00:00:00Z';
const ROLLOUT: Rollout = { start: START, hours: 100, from: 0, to: 100 };
const LIFE = { issued: '2098-02-01T00:00:00Z', expires: '2098-09-01T00:00:00Z' };
const HOUR_MS = 3_600_000;

interface Refused {
  error: { exitCode: number; message: string; expected?: string; found?: string };
}

async function hostAtOne(t: Test, config: Record<string, string[]> = {}) {
  const dir = t.testdir();
  const forge = makeForge(`${dir}/tree`);
  const url = `file://${forge.dir}`;
  const host = makeHost(`${dir}/host`, { url, root: forge.rootBytes });
  host.configure({ auto_apply: true, ...config });
  forge.release({ version: '1.0.0', serial: 1, pointer: LIFE });
  t.equal((await runAt(host, START, ['run'])).status, 0);
  let serial = 1;
  const publish = (fields: Partial<Pointer>) =>
    forge.release({
      version: '1.1.0',
      serial: (serial += 1),
      manifest: { release: 2 },
      pointer: { ...LIFE, ...fields },
    });
  const node = host.path('/data/bin/qx-node');
  const runs = (): string => /\d\.\d\.\d/.exec(fs.readFileSync(node, 'utf8'))?.[0] ?? '';
  return { host, publish, runs };
}

t.test(
  'a host takes a release at its own moment of the rollout, and not before',
  async (t) => {
    const { host, publish, runs } = await hostAtOne(t);
    const { pointer } = publish({ rollout: ROLLOUT });
    const early = await runAt(host, START, ['run', '--json']);
    const { error } = JSON.parse(early.stderr) as Refused;
    t.match(error, { exitCode: 75, message: /^rollout: the turn/ });
    const { host_id: id } = JSON.parse(
      fs.readFileSync(host.path('/quantix/host-id.json'), 'utf8'),
    ) as { host_id: string };
    const place = placeOf(id, pointer.manifests.any?.sha256 ?? '');
    t.equal(error.found, `this host's place is ${place.toFixed(2)} %`);
    const turn = Date.parse(START) + Math.ceil(place * HOUR_MS);
    const told = Date.parse((error.expected ?? '').replace(' or later', ''));
    t.ok(told >= turn && told < turn + 1000, `${error.expected}`);
    t.equal((await runAt(host, turn - 1000, ['run'])).status, 75);
    t.equal(runs(), '1.0.0');
    const due = await runAt(host, told, ['run']);
    t.equal(due.status, 0, due.stderr);
    t.equal(runs(), '1.1.0');
  },
);

t.test('--now takes a release before its turn; a pause stops that too', async (t) => {
  const { host, publish, runs } = await hostAtOne(t);
  publish({ rollout: { ...ROLLOUT, to: 0 }, paused: true, message: 'bad disk driver' });
  const paused = await runAt(host, START, ['apply', '--now']);
  t.equal(paused.status, 75);
  t.match(paused.stderr, /paused: [^]*bad disk driver/);
  publish({ rollout: { ...ROLLOUT, to: 0 } });
  t.equal((await runAt(host, START, ['apply'])).status, 75);
  t.equal(runs(), '1.0.0');
  t.equal((await runAt(host, START, ['apply', '--now'])).status, 0);
  t.equal(runs(), '1.1.0');
});

t.test('a canary goes first because its configuration says that it is one', async (t) => {
  const rollout = { ...ROLLOUT, from: 100, groups: ['canary'] };
  for (const [groups, status] of [
    [[], 75],
    [['canary'], 0],
  ] as const) {
    const { host, publish } = await hostAtOne(t, { groups: [...groups] });
    publish({ rollout });
    const { status: found, stderr } = await runAt(host, START, ['run']);
    t.equal(found, status, stderr);
    if (status === 75) t.match(stderr, /one of the groups canary/);
  }
});

t.test('a run that has nothing new to do does not ask who the host is', async (t) => {
  const { host, publish } = await hostAtOne(t);
  publish({ rollout: { ...ROLLOUT, from: 100 } });
  t.equal((await runAt(host, START, ['run'])).status, 0);
  const asked: string[] = [];
  const again = await runAt(host, START, ['run'], (fx) => ({
    ...fx,
    files: {
      ...fx.files,
      read: (path, max) => {
        asked.push(path);
        return fx.files.read(path, max);
      },
    },
  }));
  t.equal(again.status, 0);
  t.notMatch(asked.join(' '), /host-id|\/sys\//);
});
