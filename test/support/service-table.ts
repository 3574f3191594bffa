import fs from 'node:fs';
import path from 'node:path';
import type { Test } from 'tap';
import type { Effects, Files, ProcessResult } from '../../client/effects/effects.ts';
import { nodeEffects } from '../../client/effects/node.ts';
import { QxError } from '../../client/format/error.ts';
import { type Circumstances, type CutRun, cutOff } from './cut-off.ts';
import { type Fails, meeting } from './disturb.ts';
import { snapshot } from './snapshot.ts';
import {
  client,
  type Ended,
  PLACES,
  publish,
  standing,
  versionAt,
  world,
} from './three-components.ts';

/**
 * Transactions with services and health checks, cut off before every effect, or with every effect failing once.
 * A fresh client then recovers and runs. In between the installed set is one whole set, and every service that
 * ran before has last been started from it.
 */

const SERVICES = ['quantix-node', 'quantix-console', 'quantix-ui'];
const STOPPED = 'quantix-ui';
const MANAGER = '/services/manager';
const BAD = '9.9.9';

/** By service: the version that it was last started from; null for a stopped one. */
type Runs = Record<string, string | null>;

/** Services that live in this process: a restart looks at what is installed and remembers its version. */
function servicesOf(dir: string, runs: Runs): Circumstances {
  const done = (status: number): Promise<ProcessResult> =>
    Promise.resolve({
      status,
      timedOut: false,
      stdout: Buffer.alloc(0),
      stderr: Buffer.alloc(0),
    });
  const processes: Effects['processes'] = {
    ...nodeEffects({}).processes,
    run: (_program, [service = '', action]) => {
      const place = PLACES[SERVICES.indexOf(service)];
      if (place === undefined) return done(4);
      if (action === 'status') return done(runs[service] === null ? 3 : 0);
      runs[service] = versionAt(path.join(dir, place));
      return done(0);
    },
  };
  const network: Effects['network'] = {
    ...nodeEffects({}).network,
    connectLocal: () =>
      runs['quantix-node'] === BAD
        ? Promise.reject(new QxError('network', 'connection refused'))
        : Promise.resolve(),
  };
  return { processes, network };
}

const COMPONENTS = {
  'qx-node': {
    restart_service: 'quantix-node',
    order: 2,
    health: [{ type: 'tcp' as const, port: 4000, retries: 1 }],
  },
  'qx-console': {
    restart_service: 'quantix-console',
    order: 1,
    health: [{ type: 'service' as const }],
  },
  'host-ui': { restart_service: STOPPED, order: 3 },
};

export interface Scenario {
  command: string[];
  /** How the command ends when nothing disturbs it. */
  ends: number;
  /** Versions before, after a whole run of the command. */
  from: string;
  to: string;
  /** Published last. */
  head: string;
  /** How `run` may end afterwards, by the version that stands before it, and what then stands. */
  next: Record<string, { status: number[]; version: string }>;
  change?: (files: Files) => Files;
}

interface World {
  dir: string;
  prepared: string;
  runs: Runs;
}

/** A host that runs 1.0.0, 1.1.0, then `from`; it keeps one generation besides what it needs. */
async function prepare(t: Test, scenario: Scenario): Promise<World> {
  const { dir, forge, host } = world(t);
  const prepared = path.join(dir, 'prepared');
  host(prepared).configure({
    auto_apply: true,
    service_manager: MANAGER,
    allow_services: SERVICES,
    keep: 1,
  });
  const runs: Runs = Object.fromEntries(SERVICES.map((name) => [name, 'baked']));
  runs[STOPPED] = null;
  const versions = [...new Set(['1.0.0', '1.1.0', scenario.from])];
  for (const [at, version] of versions.entries()) {
    publish(forge, version, at + 1, COMPONENTS, 1);
    await must(prepared, ['run'], runs);
  }
  if (scenario.head !== scenario.from) publish(forge, scenario.head, 8, COMPONENTS, 1);
  return { dir, prepared, runs };
}

async function must(dir: string, words: string[], runs: Runs): Promise<void> {
  const ended = await client(
    dir,
    words,
    cutOff(Infinity, undefined, servicesOf(dir, runs)),
  );
  if (ended.status !== 0) throw new Error(ended.said);
}

export interface Table {
  effects: number;
  violations: string[];
  /** How many of them met which fault. */
  kinds: Record<string, number>;
}

/** One run after another, each disturbed at its own effect. */
export async function table(
  t: Test,
  scenario: Scenario,
  fails?: Fails,
  every = false,
): Promise<Table> {
  const { dir, prepared, runs } = await prepare(t, scenario);
  const at = (last: number, kind?: string) =>
    disturbed(dir, prepared, runs, scenario, last, meeting(kind, every));
  const whole = await at(Infinity);
  const violations = whole.faults.map((fault) => `undisturbed: ${fault}`);
  if (whole.ended.status !== scenario.ends)
    violations.push(`undisturbed: ends with ${whole.ended.status}: ${whole.ended.said}`);
  // What comes before is cut and told in kill.test.ts.
  const from = fails !== undefined ? /journal\.json/ : /file-0755|journal\.json/;
  const first = whole.seen.findIndex((effect) => from.test(effect));
  const kinds: Record<string, number> = {};
  for (let last = Math.max(1, first); last <= whole.seen.length; last += 1) {
    const call = whole.calls[last - 1];
    const kind = fails === undefined || call === undefined ? 'cut' : fails(last, call);
    if (kind === undefined) continue;
    kinds[kind] = (kinds[kind] ?? 0) + 1;
    const { faults, seen } = await at(last, kind);
    const where = `${kind} at effect ${last}, ${seen[last - 1]}`;
    violations.push(...faults.map((fault) => `${where}: ${fault}`));
  }
  return { effects: whole.seen.length - first, violations, kinds };
}

async function disturbed(
  dir: string,
  prepared: string,
  before: Runs,
  scenario: Scenario,
  last: number,
  circumstances: Circumstances,
): Promise<CutRun & { ended: Ended; faults: string[] }> {
  const host = path.join(dir, `host-${last}`);
  fs.cpSync(prepared, host, { recursive: true, verbatimSymlinks: true });
  const runs = { ...before };
  const { fails } = circumstances;
  const world = { ...servicesOf(host, runs), ...circumstances };
  const run = cutOff(last, scenario.change, world);
  const ended = await client(host, scenario.command, run);
  const disturbance = { effect: run.seen[last - 1] ?? '', fails, status: ended.status };
  const faults = await afterwards(host, runs, scenario, disturbance);
  fs.rmSync(host, { recursive: true });
  return { ...run, ended, faults };
}

/** Where a run was disturbed, by which error, and how it ended. */
interface Disturbance {
  effect: string;
  fails: string | undefined;
  status: number | null;
}

/** What is wrong after `recover`, and after the `run` that follows it. */
async function afterwards(
  host: string,
  runs: Runs,
  scenario: Scenario,
  { effect, fails, status }: Disturbance,
): Promise<string[]> {
  const faults: string[] = [];
  const expect = (fine: boolean, what: string): void => {
    if (!fine) faults.push(what);
  };
  const { from, to, change } = scenario;
  const fresh = (words: string[]): Promise<Ended> =>
    client(host, words, cutOff(Infinity, change, servicesOf(host, runs)));
  const mixed = standing(host).join();
  expect([same(from), same(to), same(scenario.head)].includes(mixed), `stands ${mixed}`);
  const recovered = await fresh(['recover']);
  expect(recovered.status === 0, `recover ends with ${recovered.status}`);
  const found = versionOf(host);
  expect(found === from || found === to, `after recover there stands ${found}`);
  // 41 says that a service did not come back with the old release, and that a person must look.
  const person = fails !== undefined && status === 41;
  expect(person || startedFrom(runs, found), `after recover services run ${told(runs)}`);
  expect(!names(host).some((name) => name.endsWith('journal.json')), 'a journal is left');
  // What failed may have been a service, and then its release was rightly taken back.
  const blamed = fails !== undefined && effect.startsWith('processes.run');
  const next = scenario.next[found];
  const again = await fresh(['run']);
  const version = versionOf(host);
  const kept = blamed && again.status === 75 && version === found;
  const ends = next?.status.includes(again.status) === true && version === next.version;
  expect(ends || kept, `the next run ends with ${again.status}, ${version} stands`);
  expect(person || startedFrom(runs, version), `then services run ${told(runs)}`);
  const left = names(host).filter((name) =>
    /\.(?:new|old)(?:\/|$)|staging|journal|\.quantix-/.test(name),
  );
  expect(left.length === 0, `left behind: ${left.join(', ')}`);
  if (found === to || scenario.command[0] !== 'rollback') return faults;
  const back = await fresh(['rollback']);
  expect(back.status === 0 && versionOf(host) === to, `rollback again: ${back.said}`);
  return faults;
}

const same = (version: string): string => PLACES.map(() => version).join();

/** The version that stands everywhere, or all of them. */
function versionOf(host: string): string {
  const versions = standing(host);
  return new Set(versions).size === 1 ? (versions[0] ?? '') : versions.join();
}

function startedFrom(runs: Runs, version: string): boolean {
  return SERVICES.every((name) => runs[name] === (name === STOPPED ? null : version));
}

const told = (runs: Runs): string =>
  SERVICES.map((name) => `${name} ${runs[name] ?? 'stopped'}`).join(', ');

const names = (host: string): string[] => Object.keys(snapshot(path.join(host, 'data')));

export const GOOD: Scenario = {
  command: ['run'],
  ends: 0,
  from: '1.1.0',
  to: '2.0.0',
  head: '2.0.0',
  next: {
    '1.1.0': { status: [0], version: '2.0.0' },
    '2.0.0': { status: [0], version: '2.0.0' },
  },
};

export const WAY_BACK: Scenario = {
  ...GOOD,
  command: ['rollback'],
  from: '2.0.0',
  to: '1.1.0',
  next: {
    '2.0.0': { status: [0], version: '2.0.0' },
    '1.1.0': { status: [75], version: '1.1.0' },
  },
};

export const SCENARIOS: Record<string, Scenario> = {
  'a later update': GOOD,
  'an update that is not well and goes back': {
    ...GOOD,
    ends: 40,
    to: '1.1.0',
    head: BAD,
    next: { '1.1.0': { status: [40, 75], version: '1.1.0' } },
  },
  'a way back by hand': WAY_BACK,
};
