import fs from 'node:fs';
import type { Test } from 'tap';
import type { Code } from '../../client/format/error.ts';
import { flipped, nextRelease } from './bad-tree.ts';
import { type Forge, makeForge } from './forge.ts';
import { needs, needsRoot } from './needs.ts';
import { type Finished, programPath, qxRepo, qxUpdate, run } from './process.ts';
import { type Host, makeHost, makeWorkspace } from './sandbox.ts';
import { running, SERVICE } from './scene.ts';
import { answer, serve } from './web.ts';

/** What client/TROUBLESHOOTING.md tells of, done to the built programs. */
export interface Trouble {
  code: Code;
  name: string;
  happens: (t: Test) => Promise<Finished>;
  skip?: string | undefined;
}

interface World {
  forge: Forge;
  host: Host;
}

const FUTURE = '2098-01-01T00:00:00Z';
const PAST = { issued: '2020-01-01T00:00:00Z', expires: '2020-02-01T00:00:00Z' };

/** A host that runs 1.0.0 of a folder that is its web server. */
async function world(t: Test): Promise<World> {
  const dir = t.testdir();
  const forge = makeForge(`${dir}/tree`);
  const host = makeHost(`${dir}/host`, {
    url: `file://${forge.dir}`,
    root: forge.rootBytes,
  });
  forge.release();
  const { status, stderr } = await host.run(['apply']);
  if (status !== 0) throw new Error(stderr);
  return { forge, host };
}

/** On such a host, `change` is made and the client called. */
function onHost(
  code: Code,
  name: string,
  change: (world: World) => unknown,
  args: string[] = ['apply'],
): Trouble {
  const happens = async (t: Test): Promise<Finished> => {
    const made = await world(t);
    await change(made);
    return made.host.run(args);
  };
  return { code, name, happens };
}

/** With these keys in update.toml. */
const configured =
  (keys: Record<string, unknown>) =>
  ({ forge, host }: World): void => {
    nextRelease(forge);
    host.configure(keys);
  };

/** The next release, with these options. */
const published =
  (...[options]: Parameters<Forge['release']>) =>
  ({ forge }: World): void => {
    nextRelease(forge, options);
  };

/** A day on which it never is now. */
function anotherDay(): string {
  const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
  return days[(new Date().getUTCDay() + 3) % 7] ?? '';
}

function damageState({ host }: World): void {
  for (const name of ['state-0.json', 'state-1.json'])
    fs.rmSync(host.path(`/data/updates/${name}`), { force: true });
  fs.writeFileSync(host.path('/data/updates/state-0.json'), '{"type": "client-st');
}

/** `apply`, started by another program. */
async function startedBy(t: Test, words: (host: Host) => string[]): Promise<Finished> {
  const { host } = await world(t);
  const [program = '', ...rest] = words(host);
  const apply = [programPath('qx-update'), '--root', host.dir, 'apply'];
  // What the test runner puts into the environment would write files as that user.
  return run(program, [...rest, 'env', '-u', 'NODE_OPTIONS', process.execPath, ...apply]);
}

const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];

/** With a release that is not well on its way. */
async function unwell(t: Test): Promise<Host> {
  const { host, publish, port } = await running(t);
  const check = { type: 'http', port, path: '/health', timeout_seconds: 1, retries: 1 };
  publish({ version: '1.1.0', healthStatus: 500 }, { health: [check] });
  return host;
}

async function bothUnwell(t: Test): Promise<Finished> {
  const { host, publish, services } = await running(t);
  publish({ version: '1.1.0', exits: true });
  services.define(SERVICE, '/nonexistent/program');
  return host.run(['run']);
}

/** Two publishers go on from one tree. */
async function racing(t: Test): Promise<Finished> {
  const dir = t.testdir();
  const first = await makeWorkspace(`${dir}/first`);
  const generate = async (who: string, version: string): Promise<void> => {
    fs.writeFileSync(`${dir}/program`, `${who} ${version}`);
    await first.ok(
      words(
        `--workspace ${dir}/${who} generate --fast --product quantix-os --channel stable`,
      ).concat(words(`--version ${version} --component qx-node=${dir}/program`)),
    );
  };
  await generate('first', '1.0.0');
  fs.cpSync(`${dir}/first`, `${dir}/second`, { recursive: true });
  await generate('first', '1.0.1');
  await generate('second', '1.0.2');
  return qxRepo(words(`--workspace ${dir}/second preflight ${first.public}`));
}

const words = (line: string): string[] => line.split(' ');

export const TROUBLES: readonly Trouble[] = [
  {
    code: 'defect',
    name: 'an error of the kernel that no program expects',
    // The kernel lets root open this file and refuses to read it.
    happens: () => qxUpdate(['--config', '/proc/self/clear_refs', 'config', 'check']),
    ...needsRoot(),
  },
  onHost('usage', 'a command that is not there', () => undefined, ['aply']),
  onHost('usage', 'a flag that is not there', () => undefined, [
    'apply',
    '--chanel',
    'x',
  ]),
  onHost('network', 'nobody listens', configured({ url: 'http://127.0.0.1:9' })),
  onHost('network', 'no such channel', configured({ channel: 'beta' })),
  {
    code: 'network',
    name: 'a page for whatever is missing',
    happens: async (t) => {
      const { host } = await world(t);
      const { url } = await serve(t, answer(200, '<!DOCTYPE html><title>Welcome!'));
      return host.run(['apply', '--url', url]);
    },
  },
  onHost('stale', 'a pointer that has expired', published({ pointer: PAST })),
  onHost('stale', 'a newer root is withheld', published({ pointer: { root: 2 } })),
  onHost('signature', 'no signature', ({ forge }) => {
    nextRelease(forge);
    forge.remove('signatures');
  }),
  onHost('signature', "a stranger's signature", ({ forge }) => {
    const { pointer } = nextRelease(forge);
    forge.pointer(Buffer.from(JSON.stringify(pointer)), forge.keys.stranger);
  }),
  onHost('digest', 'an object with one bit turned', ({ forge }) => {
    const { object } = nextRelease(forge);
    const file = `objects/${object.sha256.slice(0, 2)}/${object.sha256}`;
    forge.put(file, flipped(forge.read(file)));
  }),
  onHost(
    'digest',
    'what is installed was changed',
    ({ host }) => {
      fs.appendFileSync(host.path('/data/bin/qx-node'), 'changed\n');
    },
    ['verify'],
  ),
  onHost('rollback', 'a pointer of yesterday', async ({ forge, host }) => {
    nextRelease(forge);
    await host.run(['apply']);
    forge.release();
  }),
  onHost('rollback', 'an older release', published({ version: '0.9.0' })),
  onHost('malformed', 'a pointer that is no JSON', ({ forge }) => {
    forge.pointer(Buffer.from('serial = 2\n'));
  }),
  onHost(
    'too-new',
    'a format to come',
    published({
      editPointer: (bytes) =>
        Buffer.from(bytes.toString().replace('"format": 1', '"format": 2')),
    }),
  ),
  onHost('not-for-host', 'another architecture', ({ forge }) => {
    const { pointer } = nextRelease(forge);
    const { any } = pointer.manifests;
    nextRelease(forge, { serial: 3, pointer: { manifests: { riscv64: any } as never } });
  }),
  onHost(
    'not-for-host',
    'a leap too far',
    published({ manifest: { min_version: '1.0.5' } }),
  ),
  onHost('local-state', 'a state that cannot be read', damageState),
  {
    code: 'disk',
    name: 'a user who may not write',
    happens: (t) => startedBy(t, () => NOBODY),
    ...needsRoot(),
  },
  onHost(
    'disk',
    'too little room',
    published({
      component: { content: { sha256: '0'.repeat(64), size: 1e15 } },
    }),
  ),
  {
    code: 'locked',
    name: 'another run',
    happens: (t) => startedBy(t, (host) => ['flock', host.path('/data/updates/lock')]),
    ...needs('flock'),
  },
  { code: 'raced', name: 'another publisher', happens: racing },
  {
    code: 'apply-failed',
    name: 'a release that is not well',
    happens: async (t) => (await unwell(t)).run(['run']),
  },
  {
    code: 'rollback-failed',
    name: 'the one before is not well either',
    happens: bothUnwell,
  },
  onHost('deferred', 'a hold', async ({ forge, host }) => {
    nextRelease(forge);
    await host.run(['hold', '--reason', 'guests move']);
  }),
  onHost(
    'deferred',
    'no window is open',
    configured({
      windows: [{ days: [anotherDay()], from: '02:00', to: '04:00', zone: 'UTC' }],
    }),
  ),
  onHost(
    'deferred',
    'not its turn',
    published({
      pointer: { rollout: { start: FUTURE, hours: 24, from: 0, to: 100 } },
    }),
  ),
  onHost(
    'deferred',
    'paused',
    published({ pointer: { paused: true, message: 'bad disk driver' } }),
  ),
  {
    code: 'deferred',
    name: 'taken back before',
    happens: async (t) => {
      const host = await unwell(t);
      await host.run(['run']);
      return host.run(['run']);
    },
  },
  onHost('config', 'a key that is not known', configured({ chanel: 'stable' })),
  onHost('config', 'no trust root', ({ host }) => {
    fs.rmSync(host.path('/quantix/root.json'));
    fs.rmSync(host.path('/data/updates/trust'), { recursive: true, force: true });
  }),
];
