import fs from 'node:fs';
import t from 'tap';
import { placeOf } from '../../client/policy/rollout.ts';
import { runAt } from '../support/clocked.ts';
import { hostAtOne, START } from '../support/host-at-one.ts';
import type { Host } from '../support/sandbox.ts';

/** Why a host takes a release, or does not. */

interface Verdict {
  policy: string;
  verdict: string;
  data: Record<string, unknown>;
  error?: { message: string; exitCode: number };
}

const NIGHT = { from: '02:00', to: '04:00', zone: 'Europe/London' };

async function explained(host: Host, ...flags: string[]): Promise<Map<string, Verdict>> {
  const args = ['check', '--explain', '--json', ...flags];
  const { status, stdout, stderr } = await runAt(host, START, args);
  if (status !== 0) throw new Error(stderr);
  const { policies } = JSON.parse(stdout) as { policies: Verdict[] };
  return new Map(policies.map((each) => [each.policy, each]));
}

const verdicts = (policies: Map<string, Verdict>): Record<string, string> =>
  Object.fromEntries([...policies].map(([name, { verdict }]) => [name, verdict]));

const ALL_PASS = {
  interval: 'passes', hold: 'passes', refused: 'passes', direction: 'passes', paused: 'passes',
  rollout: 'passes', via: 'passes', window: 'passes', manifest: 'passes', floor: 'passes',
  compatible: 'passes', min_version: 'passes', dependencies: 'passes',
  full_image: 'passes', components: 'passes', services: 'passes', space: 'passes', auto_apply: 'passes',
}; // prettier-ignore

t.test('every policy says what it decides, and changes nothing', async (t) => {
  const { host, publish, runs } = await hostAtOne(t);
  publish({});
  const before = host.snapshot('/data/components/generations');
  t.same(verdicts(await explained(host)), ALL_PASS);
  t.same(host.snapshot('/data/components/generations'), before);
  t.equal((await runAt(host, START, ['run'])).status, 0, 'and so it is');
  t.equal(runs(), '1.1.0');
});

t.test(
  'all that stands in the way is told at once, with what it was found with',
  async (t) => {
    const rollout = { start: START, hours: 10, from: 0, to: 100, groups: ['canary'] };
    const { host, publish } = await hostAtOne(t, {
      windows: [NIGHT],
      auto_apply: false,
      groups: ['late'],
      check_interval: '1d',
      splay: '10m',
      facts: { 'quantix-vdc': '2.2.0' },
    });
    const { pointer } = publish(
      { rollout, paused: true, message: 'wait for it' },
      {
        min_version: '1.0.1',
        compatible: 'other',
        dependencies: [{ product: 'quantix-vdc', min_version: '2.3.0' }],
      },
    );
    t.equal((await runAt(host, START, ['hold', '--reason', 'moving'])).status, 0);
    await runAt(host, START, ['run']);
    const policies = await explained(host);
    t.same(verdicts(policies), {
      ...ALL_PASS,
      interval: 'not-now',
      hold: 'not-now',
      paused: 'not-now',
      rollout: 'not-now',
      window: 'not-now',
      compatible: 'refuses',
      min_version: 'refuses',
      dependencies: 'refuses',
      auto_apply: 'not-now',
    });
    const { host_id: id } = JSON.parse(
      fs.readFileSync(host.path('/quantix/host-id.json'), 'utf8'),
    ) as { host_id: string };
    const place = placeOf(id, pointer.manifests.any?.sha256 ?? '');
    t.match(policies.get('rollout')?.data, {
      place,
      share: 0,
      groups: ['late'],
      rollout,
    });
    t.match(policies.get('hold'), {
      data: { hold: { reason: 'moving' } },
      error: { exitCode: 75 },
    });
    t.match(policies.get('window')?.data, { open: false, until: '2098-03-01T02:00:00Z' });
    t.match(policies.get('interval')?.data, {
      checkIntervalSeconds: 86400,
      lastRun: /^2098-03-01T00:0/,
    });
    t.match(policies.get('dependencies')?.data, {
      dependencies: [{ standing: 'unmet', found: '2.2.0' }],
    });
    t.match(policies.get('paused')?.data, { message: 'wait for it' });
    const now = verdicts(await explained(host, '--now'));
    t.match(now, {
      rollout: 'passes',
      window: 'passes',
      paused: 'not-now',
      hold: 'not-now',
    });
    const { stdout } = await runAt(host, START, ['run', '--explain']);
    t.match(
      stdout,
      /^quantix-os 1\.1\.0 on stable \(installed: 1\.0\.0\)\npolicy +verdict +because\n/,
    );
    t.match(stdout, /\nhold +not now +hold: updates are held .*moving/);
    t.match(stdout, /\nrollout +not now +rollout: this host is not among/);
    t.match(stdout, /\nvia +passes +via none; next none\n/);
  },
);

t.test('where nothing can be believed there is nothing to explain', async (t) => {
  const { host, forge } = await hostAtOne(t);
  const pointer = `${forge.dir}/channels/quantix-os/stable.json`;
  fs.appendFileSync(pointer, ' ');
  const told = await runAt(host, START, ['check', '--explain']);
  t.equal(told.status, 20, told.stderr);
});
