import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { parsePointer, type Pointer } from '../../client/format/pointer.ts';
import { pointerPath } from '../../client/format/tree.ts';
import { formatTime } from '../../client/format/time.ts';
import { turnOf } from '../../client/policy/rollout.ts';
import { buildClientAt } from '../support/client-at.ts';
import { type FleetHost, layFleet, likelihood, tick } from '../support/fleet.ts';
import { memoryFolder } from '../support/memory.ts';
import { needs } from '../support/needs.ts';
import { type LoggedRequest, type Nginx, startNginx } from '../support/nginx.ts';
import { run } from '../support/process.ts';
import { SEED, TIMES } from '../support/repetitions.ts';
import { makeHost, makeWorkspace, type Workspace } from '../support/sandbox.ts';
import { seeded } from '../support/seeded.ts';
import { ROOT } from '../support/setup.mjs';

/**
 * A fleet of real processes with folders of their own, one nginx, and one release that its hosts take within six hours by
 * their own clocks. What it asks for is what the README counts with.
 */

// A thousand hosts are some nine thousand processes.
t.setTimeout(7_200_000);

const HOSTS = 50 * TIMES;
const HOURS = 6;
const HOUR_MS = 3_600_000;
/** So seldom does chance alone fail a count. */
const CHANCE = 1e-7;
const PIECE_BYTES = 64 * 1024;

interface Fleet {
  client: string;
  workspace: Workspace;
  nginx: Nginx;
  hosts: FleetHost[];
  startMs: number;
}

/** All of them run 1.0.0, and asked an hour before the start. */
async function makeFleet(t: Test): Promise<Fleet> {
  const dir = memoryFolder(t);
  fs.chmodSync(dir, 0o755);
  const client = await buildClientAt(path.join(dir, 'client.cjs'));
  const workspace = await makeWorkspace(path.join(dir, 'workspace'));
  await generate(workspace, '1.0.0', ['--channel', 'stable']);
  const nginx = await startNginx(t, workspace.public);
  const root = path.join(workspace.public, 'root/1.json');
  const prepared = makeHost(path.join(dir, 'prepared'), { url: nginx.url, root });
  prepared.configure({ auto_apply: true, check_interval: '30m' });
  const startMs = (Math.floor(Date.now() / 1000) + 7200) * 1000;
  const first = await run(process.execPath, [client, '--root', prepared.dir, 'run'], {
    env: { QX_CLOCK: formatTime(startMs - HOUR_MS) },
  });
  if (first.status !== 0) throw new Error(first.stderr);
  const hosts = layFleet(prepared.dir, path.join(dir, 'hosts'), HOSTS, seeded(SEED));
  return { client, workspace, nginx, hosts, startMs };
}

/** 1.1.0, which every host takes when the share has passed its place. */
async function rollOut(workspace: Workspace, start: string): Promise<Pointer> {
  const plan = ['--hours', `${HOURS}`, '--from', '4', '--start', start];
  await workspace.ok([
    'rollout',
    'quantix-os',
    'stable',
    'start',
    '--version',
    '1.1.0',
    ...plan,
  ]);
  return parsePointer(
    fs.readFileSync(path.join(workspace.public, pointerPath('quantix-os', 'stable'))),
  );
}

/** Percent of hosts that are let through, hour by hour, and how many have it in the end, as the publisher sees it before. */
async function simulated(
  workspace: Workspace,
): Promise<{ shares: number[]; installed: number }> {
  const words = ['simulate', '--hosts', `${HOSTS}`, '--interval', '1h', '--json'];
  const { stdout } = await workspace.ok(['rollout', 'quantix-os', 'stable', ...words]);
  const { hours, installed } = JSON.parse(stdout) as {
    hours: { sharePercent: number }[];
    installed: number;
  };
  return { shares: hours.map(({ sharePercent }) => sharePercent), installed };
}

/** A program that does not compress, of a size that counts. */
async function generate(
  workspace: Workspace,
  version: string,
  more: string[] = [],
): Promise<void> {
  const program = path.join(workspace.dir, 'qx-node');
  const filler = seeded(Number(version[2])).bytes(PIECE_BYTES);
  fs.writeFileSync(
    program,
    Buffer.concat([Buffer.from(`#!/bin/sh\necho ${version}\nexit\n`), filler]),
  );
  const words = ['generate', '--product', 'quantix-os', '--version', version];
  await workspace.ok([...words, '--component', `qx-node=${program}`, ...more]);
}

const has =
  (version: string) =>
  ({ dir }: FleetHost): boolean =>
    fs
      .readFileSync(path.join(dir, 'data/bin/qx-node'), 'latin1')
      .includes(`echo ${version}\n`);

const bytesOf = (requests: LoggedRequest[]): number =>
  requests.reduce((sum, { bytesSent }) => sum + bytesSent, 0);

/** `| a run that finds nothing new | 1 | 230 |` of the README: requests and bytes of a run. */
function counted(what: string): { requests: number; bytes: number } {
  const readme = fs.readFileSync(path.join(ROOT, 'README.md'), 'utf8');
  const [, requests, bytes] =
    new RegExp(`^\\| ${what} \\| (\\d+) \\| ([\\d,]+)`, 'm').exec(readme) ?? [];
  return { requests: Number(requests), bytes: Number(bytes?.replaceAll(',', '')) };
}

t.test(
  'a fleet takes a release within six hours, each host at its turn',
  needs('nginx'),
  async (t) => {
    const { client, workspace, nginx, hosts, startMs } = await makeFleet(t);
    t.comment(`${HOSTS} hosts, seed ${SEED}`);
    const asked = async (runs: number): Promise<LoggedRequest[]> => {
      const seen = await nginx.requestsWhen((all) => all.length >= runs);
      nginx.clearLog();
      return seen;
    };
    nginx.clearLog();

    const before = await tick(client, hosts, formatTime(startMs - HOUR_MS / 2));
    t.same(new Set(before.map(({ status }) => status)), new Set([0]));
    const idle = await asked(HOSTS);
    const idleBytes = bytesOf(idle) / HOSTS;
    t.equal(idle.length, HOSTS * counted('a run that finds nothing new').requests);
    near(t, idleBytes, counted('a run that finds nothing new').bytes);

    await generate(workspace, '1.1.0');
    const pointer = await rollOut(workspace, formatTime(startMs));
    const { rollout } = pointer;
    const release = Object.values(pointer.manifests)[0]?.sha256 ?? '';
    if (rollout === undefined) throw new Error('no rollout');
    const picture = await simulated(workspace);

    t.comment('hour   simulated       on it   requests      bytes');
    const all: LoggedRequest[] = [];
    for (let hour = 0; hour <= HOURS; hour += 1) {
      const now = startMs + hour * HOUR_MS;
      const ends = await tick(client, hosts, formatTime(now));
      const requests = await asked(HOSTS);
      all.push(...requests);
      const onIt = hosts.filter(has('1.1.0'));
      const share = (picture.shares[hour] ?? NaN) / 100;
      t.comment(
        [
          `${hour}`.padStart(4),
          (share * HOSTS).toFixed(1).padStart(11),
          `${onIt.length}`.padStart(11),
          `${requests.length}`.padStart(10),
          `${bytesOf(requests)}`.padStart(10),
        ].join(' '),
      );
      t.ok(
        likelihood(onIt.length, HOSTS, share) > CHANCE,
        `hour ${hour}: as many as "rollout simulate" said`,
      );
      // A run takes its time, and a turn may come in between.
      for (const [at, host] of hosts.entries()) {
        const turns = [now, now + 120_000].map(
          (ms) => turnOf(rollout, release, { id: host.id, groups: [] }, ms).turn,
        );
        const took = has('1.1.0')(host) ? 'now' : 'later';
        if (!turns.includes(took))
          t.fail(`hour ${hour}, host ${at}: ${took}, and its turn is ${turns[0]}`);
        const status = took === 'now' ? 0 : 75;
        if (ends[at]?.status !== status)
          t.fail(`hour ${hour}, host ${at}: ${ends[at]?.status} ${ends[at]?.stderr}`);
      }
    }

    t.ok(hosts.every(has('1.1.0')), 'nobody is missing');
    t.equal(picture.installed, HOSTS, 'nor in the picture');
    const twice = hosts.filter(({ dir }) => installs(dir, '1.1.0') !== 1);
    t.same(twice, [], 'nobody took it twice');
    const objects = all.filter(({ path }) => path.startsWith('/objects/'));
    t.equal(objects.length, HOSTS, 'every host fetched it once');

    // Each host asks once an hour, whatever comes; the rest is what the release costs.
    const more =
      all.length -
      objects.length -
      (HOURS + 1) * HOSTS * counted('a run that finds nothing new').requests;
    t.equal(more, HOSTS * counted('a release, without its objects').requests);
    const bytes = (bytesOf(all) - bytesOf(objects)) / HOSTS - (HOURS + 1) * idleBytes;
    near(t, bytes, counted('a release, without its objects').bytes);
  },
);

/** Lengths of names, numbers and signatures' comments vary a little. */
function near(t: Test, found: number, expected: number): void {
  t.ok(
    Math.abs(found - expected) < 0.15 * expected,
    `${Math.round(found)} bytes a host, ${expected} in README.md`,
  );
}

function installs(dir: string, version: string): number {
  const history = fs.readFileSync(path.join(dir, 'data/updates/history.ndjson'), 'utf8');
  const lines = history.split('\n').filter((line) => line !== '');
  const entries = lines.map(
    (line) => JSON.parse(line) as { event: string; version?: string },
  );
  return entries.filter(
    (entry) => entry.event === 'installed' && entry.version === version,
  ).length;
}

t.test('a count that chance does not explain is seen', (t) => {
  t.ok(likelihood(50, 100, 0.5) > 0.5);
  t.ok(likelihood(36, 100, 0.5) < 0.01 && likelihood(36, 100, 0.5) > 0.001);
  t.ok(likelihood(10, 100, 0.5) < CHANCE);
  t.ok(likelihood(650, 1000, 0.5) < CHANCE);
  t.equal(likelihood(99, 100, 1), 0);
  t.equal(likelihood(100, 100, 1), 1);
  t.end();
});
