import fs from 'node:fs';
import t, { type Test } from 'tap';
import { runCommandLine } from '../../client/cli.ts';
import { nodeEffects } from '../../client/effects/node.ts';
import { publicKeyLine } from '../../client/format/minisign/public-key.ts';
import { encodePointer } from '../../client/format/pointer.ts';
import { nextRoot } from '../support/bad-tree.ts';
import { type Forge, makeForge, type ReleaseOptions } from '../support/forge.ts';
import { newestState } from '../support/host-state.ts';
import { publishRoots } from '../support/roots.ts';
import { type Host, makeHost } from '../support/sandbox.ts';

/** What becomes of a host's trust over the years: chains of roots, stolen keys, wrong clocks, floors. */

interface Life {
  forge: Forge;
  host: Host;
  /** `qx-update …` in this process, by this clock; its exit status. */
  at: (now: () => number, args: string[]) => Promise<number>;
  run: (args?: string[]) => Promise<number>;
  stderr: () => string;
  installed: () => string;
}

const YEARS = 365.25 * 86_400_000;
const POINTER = 'quantix-os/stable';

/** A host that runs 1.0.0, release 1. */
async function life(t: Test, options: ReleaseOptions = {}): Promise<Life> {
  const dir = t.testdir({ tree: {}, host: {} });
  const forge = makeForge(`${dir}/tree`);
  forge.release(options);
  const url = `file://${forge.dir}`;
  const host = makeHost(`${dir}/host`, { url, root: forge.rootBytes });
  let stderr = '';
  const at: Life['at'] = (now, args) => {
    stderr = '';
    const node = nodeEffects({});
    return runCommandLine(['--root', host.dir, ...args], {
      fx: { ...node, clock: { ...node.clock, now } },
      env: {},
      stdout: { write: () => undefined },
      stderr: { write: (text) => void (stderr += text) },
      signal: new AbortController().signal,
      machine: 'x86_64',
    });
  };
  const run: Life['run'] = (args = ['apply']) => at(() => Date.now(), args);
  const installed = (): string =>
    /echo (.*)/.exec(fs.readFileSync(host.path('/data/bin/qx-node'), 'utf8'))?.[1] ?? '';
  t.equal(await run(), 0);
  return { forge, host, at, run, installed, stderr: () => stderr };
}

const memory = (host: Host) => newestState(host)?.repositories.example;

/** A release with number and serial `release`. */
const next = (
  forge: Forge,
  version: string,
  release: number,
  options: ReleaseOptions = {},
) =>
  forge.release({
    version,
    serial: release,
    ...options,
    manifest: { release, ...options.manifest },
  });

/** Root 2, with another key for channels: the old one was stolen. */
function replaceChannelKey(forge: Forge): void {
  const { stranger } = forge.keys;
  nextRoot(forge, {
    keys: { ...forge.root.keys, [stranger.id]: publicKeyLine(stranger.publicKey) },
    roles: { ...forge.root.roles, channel: { keys: [stranger.id], threshold: 1 } },
  });
}

t.test(
  'a host that was off for years walks 40 roots, most of them expired',
  async (t) => {
    const { forge, host, run, installed } = await life(t);
    publishRoots(forge, 41, '2020-01-01T00:00:00Z');
    next(forge, '1.1.0', 2, { pointer: { root: 41 } });
    t.equal(await run(), 0);
    t.equal(installed(), '1.1.0');
    t.equal(memory(host)?.root_version, 41);
  },
);

t.test('a longer chain goes on with the next run, without waiting a day', async (t) => {
  const { forge, host, run, stderr, installed } = await life(t);
  publishRoots(forge, 140, '2020-01-01T00:00:00Z');
  next(forge, '1.1.0', 2);
  const stored = (): number =>
    fs.readdirSync(host.path('/data/updates/trust/example')).length;
  t.equal(await run(), 75);
  t.match(stderr(), /more trust roots than one run walks/);
  t.equal(stored(), 64);
  t.equal(installed(), '1.0.0');
  t.equal(await run(), 75);
  t.equal(stored(), 128);
  t.equal(await run(), 0);
  t.equal(installed(), '1.1.0');
});

t.test(
  'the highest of all serials from a stolen key locks nobody out for good',
  async (t) => {
    const { forge, host, run, stderr, installed } = await life(t);
    next(forge, '1.0.0', 1, { serial: Number.MAX_SAFE_INTEGER });
    t.equal(await run(), 0);
    t.equal(memory(host)?.pointers[POINTER]?.serial, Number.MAX_SAFE_INTEGER);
    const { pointer } = next(forge, '1.1.0', 7);
    t.equal(await run(), 22, 'while the key is still named');

    replaceChannelKey(forge);
    forge.pointer(encodePointer(pointer), forge.keys.stranger);
    t.equal(await run(), 0, stderr());
    t.equal(installed(), '1.1.0');
    t.equal(memory(host)?.pointers[POINTER]?.serial, 7);
  },
);

t.test('a newer root with the same channel key forgets no serial', async (t) => {
  const { forge, host, run } = await life(t, { serial: 9 });
  nextRoot(forge, {});
  next(forge, '1.1.0', 7);
  t.equal(await run(), 22);
  t.match(memory(host), { root_version: 2, pointers: { [POINTER]: { serial: 9 } } });
});

t.test('a pointer issued decades ahead sets the clocks until a newer root', async (t) => {
  const { forge, host, run, stderr, installed } = await life(t);
  const ahead = { issued: '2090-01-01T00:00:00Z', expires: '2090-12-31T00:00:00Z' };
  next(forge, '1.0.0', 1, { serial: 2, pointer: ahead });
  t.equal(await run(), 0);
  t.equal(memory(host)?.issued, ahead.issued);
  const { pointer } = next(forge, '1.1.0', 3);
  t.equal(await run(), 11, 'whatever is issued today has expired by then');
  replaceChannelKey(forge);
  forge.pointer(encodePointer(pointer), forge.keys.stranger);
  t.equal(await run(), 0, stderr());
  t.equal(installed(), '1.1.0');
  t.equal(memory(host)?.issued, pointer.issued);
});

t.test('a clock 20 years ahead refuses, and leaves nothing that lasts', async (t) => {
  const { forge, host, at, run, installed } = await life(t);
  const before = memory(host);
  next(forge, '1.1.0', 2);
  t.equal(await at(() => Date.now() + 20 * YEARS, ['apply']), 11);
  t.same(memory(host), before);
  t.equal(await run(), 0);
  t.equal(installed(), '1.1.0');
});

t.test('a clock that is late is not believed, and hides no expiry', async (t) => {
  for (const clock of [() => 0, () => Date.now() - 20 * YEARS]) {
    const { forge, at, installed } = await life(t);
    next(forge, '1.1.0', 2);
    t.equal(await at(clock, ['apply']), 0);
    t.equal(installed(), '1.1.0');
    const expired = { issued: '2020-01-01T00:00:00Z', expires: '2020-06-01T00:00:00Z' };
    next(forge, '1.2.0', 3, { pointer: expired });
    t.equal(await at(clock, ['apply']), 11, 'the last pointer says that it is later');
    t.equal(installed(), '1.1.0');
  }
});

t.test('a clock that jumps during a run does no harm that lasts', async (t) => {
  for (const jump of [20 * YEARS, -20 * YEARS]) {
    for (const after of [1, 3, 6]) {
      const { forge, at, run, installed } = await life(t);
      next(forge, '1.1.0', 2);
      let asked = 0;
      const clock = (): number => Date.now() + ((asked += 1) > after ? jump : 0);
      const status = await at(clock, ['apply']);
      t.ok([0, 11].includes(status), `${jump} after ${after}: ${status}`);
      t.equal(installed(), status === 0 ? '1.1.0' : '1.0.0');
      t.equal(await run(), 0, 'the next run by the right clock');
      t.equal(installed(), '1.1.0');
    }
  }
});

t.test('a signed step back goes down to the floor and not below', async (t) => {
  const { forge, host, run, stderr, installed } = await life(t);
  for (const [version, release, floor] of [
    ['1.1.0', 2, 0],
    ['1.2.0', 3, 2],
  ] as const) {
    next(forge, version, release, { manifest: { floor } });
    t.equal(await run(), 0);
  }
  const back = (version: string, release: number, serial: number) =>
    next(forge, version, release, { serial, pointer: { rollback: true } });
  back('1.0.0', 1, 4);
  t.equal(await run(), 22, 'nor may whoever has the key of the channel');
  t.match(stderr(), /below the floor.*\n.*\n.*release 2 or higher/);
  t.equal(await run(['rollback', '--to', '1.0.0']), 22, 'nor by hand');
  t.equal(installed(), '1.2.0');
  back('1.1.0', 2, 5);
  t.equal(await run(), 0, stderr());
  t.equal(installed(), '1.1.0');
  t.equal(memory(host)?.floors['quantix-os'], 2);
});
