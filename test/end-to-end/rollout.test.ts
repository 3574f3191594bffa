import fs from 'node:fs';
import t from 'tap';
import { placeOf, type Rollout } from '../../client/policy/rollout.ts';
import { runAt } from '../support/clocked.ts';
import { hostAtOne, type Refused, START } from '../support/host-at-one.ts';
import { makeHost, makeWorkspace } from '../support/sandbox.ts';

const ROLLOUT: Rollout = { start: START, hours: 100, from: 0, to: 100 };
const HOUR_MS = 3_600_000;

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

t.test(
  'a rollout of another time, or of no time, lets through whom it says',
  async (t) => {
    const rollouts: [string, Partial<Rollout>][] = [
      ['was over long before its pointer was made', { start: '2020-01-01T00:00:00Z' }],
      ['lasts no time and has begun', { hours: 0 }],
      ['has begun this very second, with everybody', { from: 100 }],
    ];
    for (const [what, changed] of rollouts)
      await t.test(`a rollout that ${what}`, async (t) => {
        const { host, publish, runs } = await hostAtOne(t);
        publish({ rollout: { ...ROLLOUT, ...changed } });
        const { status, stderr } = await runAt(host, START, ['run']);
        t.equal(status, 0, stderr);
        t.equal(runs(), '1.1.0');
      });
    await t.test(
      'one of no time shuts out the rest for as long as it stands',
      async (t) => {
        const { host, publish, runs } = await hostAtOne(t);
        publish({ rollout: { ...ROLLOUT, hours: 0, to: 0 } });
        const late = Date.parse(START) + 1000 * HOUR_MS;
        const { status, stderr } = await runAt(host, late, ['run']);
        t.equal(status, 75, stderr);
        t.match(stderr, /not among its hosts[^]*a place below 0 %/);
        t.equal(runs(), '1.0.0');
      },
    );
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

t.test('what qx-repo says of a rollout is what the host does', async (t) => {
  const dir = t.testdir();
  const workspace = await makeWorkspace(`${dir}/w`);
  const publish = async (version: string, ...channel: string[]): Promise<void> => {
    fs.writeFileSync(`${dir}/qx-node`, `echo ${version}`, { mode: 0o755 });
    const what = ['--product', 'quantix-os', '--component', `qx-node=${dir}/qx-node`];
    await workspace.ok(['generate', '--version', version, ...what, ...channel]);
  };
  await publish('1.0.0', '--channel', 'stable');
  await publish('1.1.0');
  const host = makeHost(`${dir}/host`, {
    url: `file://${workspace.public}`,
    root: `${workspace.public}/root/1.json`,
  });
  t.equal((await host.run(['apply'])).status, 0);
  const step = (...words: string[]) =>
    workspace.ok(['rollout', 'quantix-os', 'stable', ...words]);
  const waits = async (message: RegExp): Promise<void> => {
    const { status, stderr } = await host.run(['apply']);
    t.equal(status, 75, stderr);
    t.match(stderr, message);
  };
  await step('start', '--version', '1.1.0', '--hours', '1000', '--groups', 'canary');
  await waits(/not among its hosts[^]*canary/);
  await step('start', '--hours', '8760', '--from', '0', '--to', '0');
  await waits(/not among its hosts[^]*a place below 0 %/);
  await step('pause');
  await waits(/the publisher has paused/);
  await step('resume');
  await waits(/not among its hosts/);
  await step('finish');
  const { status, stderr } = await host.run(['apply']);
  t.equal(status, 0, stderr);
  t.match(fs.readFileSync(host.path('/data/bin/qx-node'), 'utf8'), /1\.1\.0/);
});
