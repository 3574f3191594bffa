import fs from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { objectPath, pointerPath, signaturePath } from '../../client/format/tree.ts';
import {
  at,
  flipped,
  type Intercept,
  nextRelease,
  nextRoot,
  serveTree,
  withFields,
} from '../support/bad-tree.ts';
import { type Forge, makeForge, type ReleaseOptions, sha256 } from '../support/forge.ts';
import { newestState, rootsChecked } from '../support/host-state.ts';
import type { Finished } from '../support/process.ts';
import { type Host, makeHost } from '../support/sandbox.ts';
import { serve, type Web } from '../support/web.ts';

/**
 * A host that runs 1.0.0 and has two mirrors. The second has 1.1.0; something is wrong with the first.
 */

interface Scene {
  host: Host;
  first: Web;
  second: Web;
  /** The tree of the first one. */
  forge: Forge;
}

interface Row {
  name: string;
  /** On a copy of the good tree. */
  spoil: (forge: Forge) => Intercept | undefined | void;
  /** What the log says of the first mirror. */
  code: string;
  says: RegExp;
  /** A day has passed since the last look at the roots. */
  nextDay?: true;
}

const POINTER = pointerPath('quantix-os', 'stable');
const DAY_MS = 86_400_000;

/** The serial of 1.0.0, which the host has seen. */
const SEEN = 5;

/** 1.1.0, with the next serial. */
function next(forge: Forge, options: ReleaseOptions = {}): ReturnType<Forge['release']> {
  return nextRelease(forge, { serial: SEEN + 1, ...options });
}

async function scene(
  t: Test,
  spoil: Row['spoil'],
  keys: Parameters<Host['configure']>[0] = {},
): Promise<Scene> {
  const dir = t.testdir({ one: {}, two: {}, host: {} });
  const [one, two] = [path.join(dir, 'one'), path.join(dir, 'two')];
  const good = makeForge(two);
  good.release({ serial: SEEN });
  const second = await serve(t, serveTree(two));
  const host = makeHost(path.join(dir, 'host'), {
    url: second.url,
    root: good.rootBytes,
  });
  await ends(t, host, ['apply'], 0);
  // Yesterday's tree is what the first mirror starts from; the good one goes on.
  fs.cpSync(two, one, { recursive: true });
  next(good, { content: Buffer.from('1.1.0') });
  const forge = makeForge(one);
  const first = await serve(t, serveTree(one, spoil(forge)));
  configure(host, [first.url, second.url], keys);
  second.seen.length = 0;
  return { host, first, second, forge };
}

function configure(host: Host, mirrors: string[], keys: object = {}): void {
  host.configure({ retries: 0, auto_apply: true, ...keys });
  const file = host.path('/quantix/update.toml');
  const lines = fs.readFileSync(file, 'utf8').replace(/^url = .*\n/m, '');
  fs.writeFileSync(file, `mirrors = ${JSON.stringify(mirrors)}\n${lines}`);
}

async function ends(
  t: Test,
  host: Host,
  args: string[],
  status: number,
): Promise<Finished> {
  const finished = await host.run(args);
  t.equal(finished.status, status, finished.stderr);
  return finished;
}

const installed = (host: Host): string =>
  fs.readFileSync(host.path('/data/bin/qx-node'), 'utf8');

const memoryOf = (host: Host) => newestState(host)?.repositories;

/** The pointer of the next release, with these fields. */
const fields =
  (changes: Record<string, unknown>): Row['spoil'] =>
  (forge) => {
    next(forge, { editPointer: (bytes) => withFields(bytes, changes) });
  };

const stamp = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

const ROWS: Row[] = [
  {
    name: 'serves an older pointer than one that was seen',
    spoil: (forge) => {
      forge.release({ serial: SEEN - 1 });
    },
    code: 'rollback',
    says: /an older pointer than this host has seen.*serial 5 or higher/,
  },
  {
    name: 'serves the tree of yesterday',
    spoil: () => undefined,
    nextDay: true,
    code: 'stale',
    says: /behind another one.*serial 6, root 1.*serial 5, root 1/,
  },
  {
    name: 'serves a pointer that has expired',
    spoil: fields({
      issued: stamp(Date.now() - 20 * DAY_MS),
      expires: stamp(Date.now() - DAY_MS),
    }),
    code: 'stale',
    says: /the pointer has expired/,
  },
  {
    name: 'serves another repository',
    spoil: fields({ repository: 'elsewhere' }),
    code: 'malformed',
    says: /of another repository/,
  },
  {
    name: 'serves a pointer that a stranger signed',
    spoil: (forge) => {
      next(forge);
      const bytes = fs.readFileSync(path.join(forge.dir, POINTER));
      forge.pointer(bytes, forge.keys.stranger);
    },
    code: 'signature',
    says: /too few valid signatures for the role \\"channel\\"/,
  },
  {
    name: 'withholds the signature of the pointer',
    spoil: (forge) => {
      next(forge);
      const bytes = fs.readFileSync(path.join(forge.dir, POINTER));
      forge.remove(signaturePath(sha256(bytes)));
    },
    code: 'signature',
    says: /the pointer is not signed/,
  },
  {
    name: 'withholds a root that the pointer speaks of',
    spoil: fields({ root: 2 }),
    code: 'stale',
    says: /a newer trust root is withheld/,
  },
  {
    name: 'serves a root of its own',
    spoil: (forge) => {
      next(forge);
      nextRoot(forge, {}, forge.keys.stranger);
    },
    code: 'signature',
    says: /role \\"root\\"/,
  },
  {
    name: 'withholds the manifest',
    spoil: (forge) => {
      next(forge, { content: Buffer.from('1.1.0') });
      return at(/^\/manifests\//, (reply) => reply.writeHead(404).end());
    },
    code: 'network',
    says: /the manifest that the pointer names is missing/,
  },
  {
    name: 'mixes an older manifest under a newer pointer',
    spoil: (forge) => {
      const [older = ''] = fs.readdirSync(path.join(forge.dir, 'manifests'));
      const bytes = fs.readFileSync(path.join(forge.dir, 'manifests', older));
      next(forge, { content: Buffer.from('1.1.0') });
      return at(/^\/manifests\//, (reply) => reply.writeHead(200).end(bytes));
    },
    code: 'digest',
    says: /the manifest is/,
  },
  {
    name: 'serves objects with other bytes',
    spoil: (forge) => {
      const content = Buffer.from('1.1.0');
      const { object } = next(forge, { content });
      forge.put(objectPath(object.sha256), flipped(content));
    },
    code: 'digest',
    says: /./,
  },
  {
    name: 'answers everything with a page',
    spoil: () => at(/./, (reply) => reply.writeHead(200).end('<!doctype html><p>hello')),
    code: 'network',
    says: /./,
  },
];

for (const { name, spoil, code, says, nextDay } of ROWS) {
  t.test(`the update succeeds when the first mirror ${name}`, async (t) => {
    const { host, first, second } = await scene(t, spoil);
    if (nextDay) rootsChecked(host, 25 * 3_600_000);
    const { stderr } = await ends(t, host, ['run'], 0);
    t.equal(installed(host), '1.1.0');
    t.match(stderr, new RegExp(`warning: ${first.url}`), 'what was wrong is told');
    const log = fs.readFileSync(host.path('/data/updates/update.log'), 'utf8');
    const said = (url: string) => `Z mirror-refused ${url}`;
    const line = log.split('\n').find((each) => each.includes(said(first.url)));
    t.match(line, new RegExp(`: {"code":"${code}"`));
    t.match(line, says);
    t.notOk(log.includes(said(second.url)), 'nothing is said of the good one');
    const mine = memoryOf(host)?.example;
    t.match(mine, {
      root_version: 1,
      pointers: { 'quantix-os/stable': { serial: SEEN + 1 } },
    });
  });
}

t.test('a mirror that is refused is asked for nothing more in that run', async (t) => {
  const { host, first, second } = await scene(t, fields({ repository: 'elsewhere' }));
  await ends(t, host, ['run'], 0);
  t.notOk(first.seen.some(({ url }) => /^\/(manifests|objects)/.test(url ?? '')));
  t.ok(second.seen.some(({ url }) => /^\/objects/.test(url ?? '')));
});

t.test('two mirrors that agree are asked as one, and both once a day', async (t) => {
  const { host, first, second } = await scene(t, (forge) => {
    next(forge, { content: Buffer.from('1.1.0') });
  });
  // The same pointer on both, byte for byte.
  const asked = async (): Promise<(string | undefined)[][]> => {
    [first, second].forEach(({ seen }) => (seen.length = 0));
    const { stdout, stderr } = await ends(t, host, ['run'], 0);
    t.equal(stdout + stderr, '');
    return [first, second].map(({ seen }) => seen.map(({ url }) => url));
  };
  await ends(t, host, ['run'], 0);
  fs.cpSync(path.join(t.testdirName, 'one'), path.join(t.testdirName, 'two'), {
    recursive: true,
  });
  t.same(await asked(), [[`/${POINTER}`], []]);
  rootsChecked(host, 25 * 3_600_000);
  const daily = [`/${POINTER}`, '/root/2.json'];
  t.same(await asked(), [daily, daily]);
  t.same(await asked(), [[`/${POINTER}`], []]);
});

t.test(
  'a second mirror that is away is noted once a day, and nobody is woken',
  async (t) => {
    const { host, first } = await scene(t, (forge) => {
      next(forge, { content: Buffer.from('1.1.0') });
    });
    await ends(t, host, ['run'], 0);
    configure(host, [first.url, 'http://127.0.0.1:1']);
    rootsChecked(host, 25 * 3_600_000);
    const { stderr } = await ends(t, host, ['run'], 0);
    t.equal(stderr, '');
    const log = fs.readFileSync(host.path('/data/updates/update.log'), 'utf8');
    t.match(log, /Z mirror-refused http:\/\/127\.0\.0\.1:1\/: \{"code":"network"/);
  },
);

t.test(
  'when every mirror is refused, the worst is told and nothing changes',
  async (t) => {
    const { host, first } = await scene(t, (forge) => {
      next(forge);
      nextRoot(forge, { expires: '2020-01-01T00:00:00Z' }, forge.keys.stranger);
    });
    configure(host, ['http://127.0.0.1:1', first.url]);
    rootsChecked(host, 25 * 3_600_000);
    const before = [memoryOf(host), host.snapshot('/data/updates/trust')];
    const { stderr } = await ends(t, host, ['run'], 20);
    t.match(stderr, /error: too few valid signatures for the role "root"/);
    t.same([memoryOf(host), host.snapshot('/data/updates/trust')], before);
    t.equal(installed(host), '#!/bin/sh\necho 1.0.0\n');
  },
);

t.test(
  'a root from a mirror that is then refused stays, and the next one follows it',
  async (t) => {
    const { host } = await scene(t, (forge) => {
      nextRoot(forge, {});
      next(forge, {
        editPointer: (bytes) => withFields(bytes, { channel: 'dev' }),
      });
    });
    const { stderr } = await ends(t, host, ['run'], 0);
    t.match(stderr, /of another channel/);
    t.equal(installed(host), '1.1.0');
    t.equal(memoryOf(host)?.example?.root_version, 2);
  },
);

t.test(
  'a mirror that trickles for ever is left in time',
  { timeout: 60_000 },
  async (t) => {
    const trickling = at(/./, (reply) => {
      reply.writeHead(200);
      const timer = setInterval(() => reply.write(' '), 20);
      reply.on('close', () => clearInterval(timer));
    });
    const { host } = await scene(t, () => trickling, { stall_timeout: '1s' });
    const before = Date.now();
    const { stderr } = await ends(t, host, ['run'], 0);
    t.match(stderr, /the body comes too slowly|the reply took too long/);
    t.equal(installed(host), '1.1.0');
    t.ok(Date.now() - before < 30_000);
  },
);
