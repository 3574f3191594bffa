import fs from 'node:fs';
import t, { type Test } from 'tap';
import { runCommandLine } from '../../../client/cli.ts';
import { nodeEffects } from '../../../client/effects/node.ts';
import { fingerprintText, parseFingerprint } from '../../../client/format/fingerprint.ts';
import { encodeRoot, type Root } from '../../../client/format/root.ts';
import { nextRoot } from '../../support/bad-tree.ts';
import { type Forge, makeForge, sha256 } from '../../support/forge.ts';
import { newestState } from '../../support/host-state.ts';
import { publishRoots } from '../../support/roots.ts';
import { type Host, makeHost } from '../../support/sandbox.ts';

interface Ended {
  status: number;
  stdout: string;
  stderr: string;
  asked: string[];
}

interface Scene {
  forge: Forge;
  host: Host;
  /** `qx-update trust …` in this process; `answer` is what a person at the terminal types. */
  trust: (args: string[], answer?: string | null) => Promise<Ended>;
  /** A root as a file that somebody carried here; its path as the host sees it. */
  carried: (root: Root) => { file: string; fingerprint: string };
  pinned: () => Buffer;
}

function scene(t: Test): Scene {
  const dir = t.testdir({ tree: {}, host: {} });
  const forge = makeForge(`${dir}/tree`);
  forge.release();
  const host = makeHost(`${dir}/host`, {
    url: `file://${forge.dir}`,
    root: forge.rootBytes,
  });
  const trust = async (args: string[], answer: string | null = null): Promise<Ended> => {
    const ended: Ended = { status: 0, stdout: '', stderr: '', asked: [] };
    ended.status = await runCommandLine(['--root', host.dir, 'trust', ...args], {
      fx: nodeEffects({}),
      env: {},
      stdout: { write: (text) => void (ended.stdout += text) },
      stderr: { write: (text) => void (ended.stderr += text) },
      signal: new AbortController().signal,
      machine: 'x86_64',
      ask: (question) => {
        ended.asked.push(question);
        return Promise.resolve(answer);
      },
    });
    return ended;
  };
  const carried = (root: Root): { file: string; fingerprint: string } => {
    const bytes = encodeRoot(root);
    fs.writeFileSync(host.path('/carried.json'), bytes);
    return {
      file: '/carried.json',
      fingerprint: fingerprintText(sha256(bytes)),
    };
  };
  const pinned = (): Buffer => fs.readFileSync(host.path('/quantix/root.json'));
  return { forge, host, trust, carried, pinned };
}

t.test('a fingerprint is read in whatever way people write it', (t) => {
  const hex = sha256(Buffer.from('x'));
  const text = fingerprintText(hex);
  t.match(text, /^(?:[0-9A-F]{4} ){15}[0-9A-F]{4}$/);
  const spellings = [
    hex,
    text,
    text.toLowerCase(),
    `SHA256:${hex}`,
    `sha-256 = ${hex.toUpperCase()}`,
    hex.replace(/../g, '$&:').slice(0, -1),
    `${text.slice(0, 39)}\n  ${text.slice(40)}\n`,
  ];
  for (const spelling of spellings) t.equal(parseFingerprint(spelling), hex, spelling);
  for (const none of ['', hex.slice(1), `${hex}0`, hex.replace(/./, 'g'), 'yes'])
    t.equal(parseFingerprint(none), null, none);
  t.end();
});

t.test(
  'show tells the pinned root, the way from it, keys, roles and floors',
  async (t) => {
    const { forge, host, trust } = scene(t);
    const first = JSON.parse((await trust(['show', '--json'])).stdout) as Shown;
    t.match(first, {
      repository: 'example',
      pinned: { version: 1, file: host.path('/quantix/root.json') },
      walked: [1],
    });
    t.equal(first.pinned.sha256, sha256(forge.rootBytes));
    forge.release({ serial: 2, manifest: { release: 7, floor: 7 } });
    publishRoots(forge, 3);
    t.equal((await host.run(['apply'])).status, 0);

    const { status, stdout } = await trust(['show']);
    t.equal(status, 0);
    t.match(stdout, fingerprintText(sha256(forge.rootBytes)));
    t.match(stdout, /trusted now, walked 1 → 2 → 3:\n +root 3 of example, expires 2099/);
    t.match(stdout, new RegExp(`^release +1 of 1 +${forge.keys.release.id}$`, 'm'));
    t.match(stdout, /^quantix-os +- +7$/m, 'the learned floor');
    const shown = JSON.parse((await trust(['show', '--json'])).stdout) as Shown;
    t.match(shown, { trusted: { version: 3 }, walked: [1, 2, 3] });
    t.same(shown.floors, [{ product: 'quantix-os', root: null, learned: 7 }]);
    t.match(
      shown.keys.find(({ id }) => id === forge.keys.channel.id),
      { roles: ['channel'], publicKey: /^RW/ },
    );
  },
);

interface Shown {
  repository: string;
  pinned: { sha256: string };
  keys: { id: string; roles: string[] }[];
  floors: object[];
}

t.test('a root is pinned on a host that has none, by its fingerprint', async (t) => {
  const { forge, host, trust, carried, pinned } = scene(t);
  fs.rmSync(host.path('/quantix/root.json'));
  t.match(await host.run(['check']), { status: 78, stderr: /trust add FILE/ });
  const { file, fingerprint } = carried(forge.root);
  const { status, stdout, stderr } = await trust([
    'add',
    file,
    '--fingerprint',
    fingerprint,
  ]);
  t.equal(status, 0, stderr);
  t.match(stdout, /root 1 of example is pinned in /);
  t.same(pinned(), forge.rootBytes);
  t.equal((await host.run(['check'])).status, 0);
  const again = await trust(['add', file, '--fingerprint', fingerprint]);
  t.match(again, { status: 0, stdout: /pinned already/ });
});

const forged = (forge: Forge): Root => ({ ...forge.root, version: 2 });

t.test('what must not be pinned is not, and says why', async (t) => {
  const { forge, trust, carried, pinned } = scene(t);
  const { file, fingerprint } = carried(forged(forge));
  const wrong = fingerprintText(sha256(forge.rootBytes));
  const rows: [reason: string, args: string[], status: number, says: RegExp][] = [
    [
      'another fingerprint',
      [file, '--fingerprint', wrong],
      21,
      /not the root that the fing/,
    ],
    ['no fingerprint at all', [file, '--fingerprint', 'yes'], 2, /64 hexadecimal digits/],
    ['a URL', ['https://example.org/root/1.json'], 2, /not taken from a URL/],
    ['a file URL', [`file://${file}`, '--fingerprint', fingerprint], 2, /bring the file/],
    ['nobody to ask', [file], 2, /nobody can be asked/],
    [
      'no such file',
      [`${file}.not`, '--fingerprint', fingerprint],
      78,
      /no such file[^]*hint: .*--root/,
    ],
    ['a dry run', [file, '--fingerprint', fingerprint, '--dry-run'], 0, /^$/],
  ];
  for (const [reason, args, status, says] of rows) {
    const ended = await trust(['add', ...args]);
    t.match(ended, { status, stderr: says }, reason);
    t.same(pinned(), forge.rootBytes, reason);
  }
});

t.test('a person at the terminal is shown the fingerprint and says yes', async (t) => {
  const { forge, trust, carried, pinned } = scene(t);
  const { file, fingerprint } = carried(forged(forge));
  for (const answer of ['', 'y', 'no']) {
    const ended = await trust(['add', file], answer);
    t.match(ended, { status: 2, stderr: /not confirmed/ }, answer);
    t.match(ended.stderr, fingerprint);
    t.same(pinned(), forge.rootBytes);
  }
  const json = await trust(['add', file, '--json'], 'yes');
  t.match(json, { status: 2, asked: [] }, 'a program is not asked');
  const { status, asked } = await trust(['add', file], ' Yes ');
  t.equal(status, 0);
  t.equal(asked.length, 1);
  t.same(pinned(), encodeRoot(forged(forge)));
});

t.test('another chain of roots is begun by --replace alone', async (t) => {
  const { forge, host, trust, carried, pinned } = scene(t);
  nextRoot(forge, {});
  t.equal((await host.run(['check'])).status, 0);
  const rows: [reason: string, root: Root, status: number, says: RegExp][] = [
    [
      'another repository',
      { ...forge.root, repository: 'elsewhere' },
      78,
      /pinned a root of another repository/,
    ],
    [
      'another root 2 than the one walked to',
      { ...forge.root, version: 2, floors: { 'quantix-os': 9 } },
      78,
      /trusts another root of the same version/,
    ],
  ];
  for (const [reason, root, status, says] of rows) {
    const { file, fingerprint } = carried(root);
    const ended = await trust(['add', file, '--fingerprint', fingerprint]);
    t.match(ended, { status, stderr: says }, reason);
    t.match(ended.stderr, /--replace/);
    t.same(pinned(), forge.rootBytes, reason);
  }
  const { file, fingerprint } = carried({
    ...forge.root,
    expires: '2098-01-01T00:00:00Z',
  });
  const args = ['add', file, '--fingerprint', fingerprint];
  t.match(await trust(args), { status: 78, stderr: /of the same version/ });
  t.ok(fs.existsSync(host.path('/data/updates/trust/example/2.json')));
  t.equal((await trust([...args, '--replace'])).status, 0);
  t.notOk(fs.existsSync(host.path('/data/updates/trust/example/2.json')));
  t.equal(sha256(pinned()), parseFingerprint(fingerprint));
});

t.test(
  'what was learned under the roots before is forgotten by --replace alone',
  async (t) => {
    const { forge, host, trust, carried } = scene(t);
    forge.release({ manifest: { floor: 1 } });
    t.equal((await host.run(['apply'])).status, 0);
    const memory = () => newestState(host)?.repositories.example;
    const { file, fingerprint } = carried({ ...forge.root, version: 1, floors: {} });
    const args = ['add', file, '--fingerprint', fingerprint];
    const before = memory();
    t.match(before, { floors: { 'quantix-os': 1 }, issued: /^2/ });
    t.equal((await trust(args)).status, 78);
    t.equal((await trust([...args, '--replace', '--dry-run'])).status, 0);
    t.same(memory(), before);
    t.equal((await trust([...args, '--replace'])).status, 0);
    t.match(memory(), { floors: {}, issued: undefined, pointers: before?.pointers });
    t.same(Object.keys(memory()?.floors ?? { none: 0 }), []);
  },
);

t.test('a newer root is pinned over an older one, and an older one is not', async (t) => {
  const { forge, trust, carried, pinned } = scene(t);
  const newer = carried({ ...forge.root, version: 5 });
  t.equal(
    (await trust(['add', newer.file, '--fingerprint', newer.fingerprint])).status,
    0,
  );
  const older = carried({ ...forge.root, version: 4 });
  const ended = await trust(['add', older.file, '--fingerprint', older.fingerprint]);
  t.match(ended, { status: 22, stderr: /version 5 or later/ });
  t.equal(sha256(pinned()), parseFingerprint(newer.fingerprint));
});

t.test('a pinned root that is broken is replaced by --replace alone', async (t) => {
  const { forge, host, trust, carried, pinned } = scene(t);
  fs.writeFileSync(host.path('/quantix/root.json'), '{"type":');
  const { file, fingerprint } = carried(forge.root);
  const args = ['add', file, '--fingerprint', fingerprint];
  t.match(await trust(args), { status: 30, stderr: /unusable/ });
  t.equal((await trust([...args, '--replace'])).status, 0);
  t.same(pinned(), forge.rootBytes);
});
