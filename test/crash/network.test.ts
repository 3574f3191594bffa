import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { encodePointer, parsePointer } from '../../client/format/pointer.ts';
import { pointerPath } from '../../client/format/tree.ts';
import { brokenClient, type RunCommandLine } from '../support/broken-client.ts';
import { cutOff } from '../support/cut-off.ts';
import { again } from '../support/disturb.ts';
import { type FaultyProxy, startFaultyProxy } from '../support/faulty-proxy.ts';
import { faultsAfter, faultsInBetween, type Scenario } from '../support/kill-table.ts';
import { needs } from '../support/needs.ts';
import { startNginx } from '../support/nginx.ts';
import { SEED, TIMES } from '../support/repetitions.ts';
import { publishRoots } from '../support/roots.ts';
import { makeHost } from '../support/sandbox.ts';
import { seeded } from '../support/seeded.ts';
import {
  client,
  type Ended,
  publish,
  standing,
  world,
} from '../support/three-components.ts';

/**
 * A host that runs 1.0.0 and trusts root 1 takes 2.0.0 and roots 2 to 4 from nginx, over a wire on which things
 * happen. Its pauses take no time; its patience with a reply is real.
 */

t.setTimeout(1_100_000);

const RUNS = 50 * TIMES;

interface Wire {
  proxy: FaultyProxy;
  scenario: Scenario;
  /** A fresh copy of the host. */
  lay: () => string;
}

async function wire(t: Test): Promise<Wire> {
  const { dir, forge, host } = world(t);
  fs.chmodSync(dir, 0o755);
  const prepared = path.join(dir, 'prepared');
  host(prepared);
  publish(forge, '1.0.0', 1);
  const first = await again(prepared);
  t.equal(first.status, 0, first.said);
  publish(forge, '2.0.0', 2);
  publishRoots(forge, 4);
  // A host that misses the last one takes nothing.
  const pointer = parsePointer(forge.read(pointerPath('quantix-os', 'stable')));
  forge.pointer(encodePointer({ ...pointer, root: 4 }));
  const nginx = await startNginx(t, forge.dir);
  const proxy = await startFaultyProxy(t, nginx.port);
  makeHost(prepared, { url: proxy.url, root: forge.rootBytes }).configure({
    connect_timeout: '1s',
    stall_timeout: '1s',
  });
  const at = path.join(dir, 'host');
  const lay = (): string => {
    fs.rmSync(at, { recursive: true, force: true });
    fs.cpSync(prepared, at, { recursive: true, verbatimSymlinks: true });
    return at;
  };
  const before = ['1.0.0', '1.0.0', '1.0.0'];
  return { proxy, lay, scenario: { prepare: () => undefined, before, version: '2.0.0' } };
}

const apply = (host: string, program?: RunCommandLine): Promise<Ended> =>
  client(host, ['apply'], cutOff(Infinity), undefined, program);

const whatHappened = (seed: number, proxy: FaultyProxy): string =>
  `seed ${seed}, ${proxy.faults().join(', ')}`;

t.test(
  'whatever happens on the wire, nothing wrong is installed',
  needs('nginx'),
  async (t) => {
    const { proxy, scenario, lay } = await wire(t);
    const ends: Record<string, number> = {};
    let faults = 0;
    for (let seed = SEED; seed < SEED + RUNS; seed += 1) {
      const chance = seeded(seed);
      const host = lay();
      proxy.disturb(1 + chance.below(99), chance);
      const { status } = await apply(host);
      ends[status] = (ends[status] ?? 0) + 1;
      faults += proxy.faults().length;
      const what = whatHappened(seed, proxy);
      const wrong = faultsInBetween(host, scenario);
      proxy.disturb(0, chance);
      wrong.push(...(await faultsAfter(host, scenario, again)));
      if (wrong.length > 0) t.fail(`${what}: ${wrong.join('; ')}`);
    }
    t.comment(`${RUNS} runs, ${faults} faults, exit codes ${JSON.stringify(ends)}`);
    t.ok(faults > RUNS, 'more than one fault a run');
    t.ok(Object.keys(ends).length > 2, 'some runs end well, and some in several ways');
  },
);

t.test(
  'with a fault in five of a hundred requests, every run ends with the release installed',
  needs('nginx'),
  async (t) => {
    const { proxy, scenario, lay } = await wire(t);
    let faults = 0;
    let requests = 0;
    for (let seed = SEED; seed < SEED + RUNS; seed += 1) {
      const host = lay();
      proxy.disturb(5, seeded(seed));
      const { status, said } = await apply(host);
      const what = whatHappened(seed, proxy);
      faults += proxy.faults().length;
      requests += proxy.requests();
      if (status !== 0) t.fail(`${what}: ended with ${status}: ${said}`);
      if (standing(host).join() !== [1, 2, 3].map(() => scenario.version).join())
        t.fail(`${what}: there stands ${standing(host).join()}`);
    }
    t.comment(`${RUNS} runs, ${requests} requests, ${faults} of them with a fault`);
    t.ok(faults > RUNS / 10);
  },
);

t.test(
  'a client that checks no digest of contents is seen',
  needs('nginx'),
  async (t) => {
    const { proxy, scenario, lay } = await wire(t);
    const careless = await brokenClient(
      t,
      {
        file: 'client/install/staged-object.ts',
        from: 'size !== object.size || found !== object.sha256',
        to: 'size !== object.size',
      },
      {
        file: 'client/content/decode.ts',
        from: 'if (found === content.sha256) return;',
        to: 'if (found !== "") return;',
      },
    );
    const wrong: string[] = [];
    for (let seed = SEED; wrong.length === 0 && seed < SEED + 100; seed += 1) {
      const host = lay();
      proxy.disturb(20, seeded(seed));
      await apply(host, careless);
      wrong.push(...faultsInBetween(host, scenario));
    }
    t.match(wrong[0], /there stands .*mixed/);
  },
);
