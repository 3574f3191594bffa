import fs from 'node:fs';
import type { Test } from 'tap';
import type { ClientState } from '../../client/format/client-state.ts';
import { sha256 } from '../support/forge.ts';
import { newestState } from '../support/host-state.ts';
import type { Host } from '../support/sandbox.ts';
import type { How, World } from './world.ts';

/** How a story ends: what must not have changed, and what must have. */

export interface Refusal extends How {
  exit: number;
  /** Of what is printed on standard error. */
  says: RegExp;
  /** The root that the host has rightly walked to; where not given, it walks nowhere. */
  walksTo?: number;
  /** What was verified before the lie came, and may be remembered. */
  learns?: 'pointer' | 'manifest';
  /** What only a key that the new root does not name any more vouched for. */
  forgets?: 'floors';
}

/** The client refuses, and nothing that counts is another than before. Gives what it printed on standard error. */
export async function refuses(
  t: Test,
  world: World,
  { exit, says, walksTo, learns, forgets, ...how }: Refusal,
): Promise<string> {
  const before = traces(world.host);
  const { status, signal, stderr } = await world.client(how);
  const after = traces(world.host);
  t.equal(signal, null, 'it ends by itself');
  t.equal(status, exit, stderr);
  t.match(stderr, says);
  t.notMatch(stderr, /\n\s+at .*\.(?:c?js|ts):\d+/, 'no stack trace');
  t.same(after.install, before.install, 'what is installed is as before');
  const floors = forgets === 'floors' ? {} : before.memory?.floors;
  t.same(after.memory?.floors, floors, 'the floors are as before');
  if (walksTo !== undefined)
    t.equal(trustedRoot(world.host), walksTo, 'the trusted root');
  if (walksTo === undefined) t.same(after.trust, before.trust, 'no root was stored');
  if (learns === undefined) {
    t.same(after.memory?.pointers, before.memory?.pointers, 'the serial is as before');
    t.same(after.pointers, before.pointers, 'the stored pointer is as before');
  }
  if (learns !== 'manifest')
    t.same(after.manifests, before.manifests, 'the stored manifest is as before');
  t.same(others(after.state), others(before.state), 'nothing else of the state changed');
  t.same(after.forged, [], 'nothing in staging has the name of other bytes');
  return stderr;
}

/** The client installs what the channel points to. */
export async function installs(
  t: Test,
  world: World,
  version: string,
  how: How = {},
): Promise<void> {
  const { status, stderr } = await world.client(how);
  t.equal(status, 0, stderr);
  t.equal(installed(world.host), version, 'the release is installed');
}

/** The version that the script at /data/bin/qx-node says. */
export function installed(host: Host): string {
  const script = fs.readFileSync(host.path('/data/bin/qx-node'), 'utf8');
  return /^echo (.*)$/m.exec(script)?.[1] ?? script;
}

/** The version of the newest root that the host has accepted; 1 is the pinned one. */
export function trustedRoot(host: Host): number {
  const stored = Object.keys(host.snapshot('/data/updates/trust/example'));
  return Math.max(1, ...stored.map((name) => Number.parseInt(name, 10)));
}

/** What the host remembers of the repository. */
export const memoryOf = (host: Host): Memory => traces(host).memory;

type Memory = ClientState['repositories'][string] | undefined;

interface Traces {
  install: Record<string, string>;
  trust: Record<string, string>;
  pointers: Record<string, string>;
  manifests: Record<string, string>;
  state: ClientState | null;
  memory: Memory;
  /** Whole objects in staging that are not what their name says. */
  forged: string[];
}

export function traces(host: Host): Traces {
  const state = newestState(host);
  const components = Object.entries(host.snapshot('/data/components'));
  return {
    install: {
      ...host.snapshot('/data/bin'),
      ...host.snapshot('/data/share'),
      ...Object.fromEntries(components.filter(([name]) => !name.startsWith('staging'))),
    },
    trust: host.snapshot('/data/updates/trust'),
    pointers: host.snapshot('/data/updates/pointers'),
    manifests: host.snapshot('/data/updates/manifests'),
    state,
    memory: state?.repositories.example,
    forged: forgedObjects(host),
  };
}

function forgedObjects(host: Host): string[] {
  const staging = host.path('/data/components/staging');
  const names = fs.existsSync(staging) ? fs.readdirSync(staging) : [];
  return names.filter(
    (name) =>
      /^[0-9a-f]{64}$/.test(name) &&
      sha256(fs.readFileSync(`${staging}/${name}`)) !== name,
  );
}

const others = (state: ClientState | null) => ({
  ...state,
  generation: 0,
  last_refusal: null,
  repositories: null,
});
