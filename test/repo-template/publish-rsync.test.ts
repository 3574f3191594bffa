import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { needs } from '../support/needs.ts';
import { type Finished, run } from '../support/process.ts';
import { whereIs } from '../support/programs.mjs';
import { ROOT } from '../support/setup.mjs';
import { snapshot } from '../support/snapshot.ts';

const SCRIPT = path.join(ROOT, 'repo-template/scripts/publish-rsync.sh');
const POINTER = 'channels/quantix-os/stable.json';
const FIRST = {
  'root/1.json': '{"version":1}\n',
  'objects/aa/aa1': 'one',
  'manifests/m1.json': '{"object":"aa1"}\n',
  'schema/root.schema.json': '{}\n',
  'signatures/p1.minisig': 'signature of p1\n',
  [POINTER]: '{"version":"1.2.3"}\n',
  [`${POINTER}.minisig`]: 'signature of p1\n',
  'products/quantix-os/releases-1.json': '{}\n',
  'repository.json': '{}\n',
  'index.html': '<!doctype html>\n',
};
const SECOND = {
  'objects/bb/bb2': 'two',
  'manifests/m2.json': '{"object":"bb2"}\n',
  'signatures/p2.minisig': 'signature of p2\n',
  // As long as the first one, and of the same time: size and time do not tell them apart.
  [POINTER]: '{"version":"1.2.4"}\n',
  [`${POINTER}.minisig`]: 'signature of p2\n',
};

const ONE_TIME = new Date('2026-01-01T00:00:00Z');

function write(tree: string, files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(tree, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
    fs.utimesSync(file, ONE_TIME, ONE_TIME);
  }
}

/** A folder of programs that stand before the real ones: an rsync that logs or fails, a qx-repo. */
function standIns(dir: string, programs: Record<string, string>): Record<string, string> {
  const bin = path.join(dir, 'bin');
  fs.mkdirSync(bin, { recursive: true });
  for (const [name, body] of Object.entries(programs)) {
    fs.writeFileSync(path.join(bin, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  }
  return { PATH: `${bin}:${process.env.PATH ?? ''}` };
}

interface Site {
  dir: string;
  tree: string;
  served: string;
  publish(args?: string[], env?: Record<string, string>): Promise<Finished>;
}

function makeSite(dir: string): Site {
  const [tree, served] = [path.join(dir, 'public'), path.join(dir, 'served')];
  write(tree, FIRST);
  const publish: Site['publish'] = (args = [], env = {}) =>
    run('sh', [SCRIPT, '--from', tree, ...args, served], { env });
  return { dir, tree, served, publish };
}

const REAL_RSYNC = whereIs('rsync') ?? 'rsync';

t.test(
  'what is published is the tree, readable for a web server',
  needs('rsync'),
  async (t) => {
    const site = makeSite(t.testdir());
    fs.chmodSync(path.join(site.tree, 'objects/aa/aa1'), 0o600);
    const { status, stderr } = await site.publish();
    t.equal(status, 0, stderr);
    fs.chmodSync(path.join(site.tree, 'objects/aa/aa1'), 0o644);
    t.same(snapshot(site.served), snapshot(site.tree));
    t.equal((await site.publish()).status, 0, 'again, with nothing to do');
  },
);

t.test('a pointer of equal size and time is replaced', needs('rsync'), async (t) => {
  const site = makeSite(t.testdir());
  await site.publish();
  write(site.tree, SECOND);
  t.equal((await site.publish()).status, 0);
  t.same(snapshot(site.served), snapshot(site.tree));
});

t.test('files go out before those that name them', needs('rsync'), async (t) => {
  const site = makeSite(t.testdir());
  const log = path.join(site.dir, 'log');
  const env = standIns(site.dir, {
    rsync: `exec ${REAL_RSYNC} --out-format=%n --log-file-format=%n --log-file=${log} "$@"`,
  });
  await site.publish([], env);
  const sent = fs
    .readFileSync(log, 'utf8')
    .split('\n')
    .map((line) => line.replace(/^\S+ \S+ \S+ /, ''));
  const order = [
    'objects/aa/aa1',
    'manifests/m1.json',
    'schema/root.schema.json',
    'signatures/p1.minisig',
    'root/1.json',
    `${POINTER}.minisig`,
    POINTER,
    'repository.json',
  ];
  const places = order.map((name) => sent.indexOf(name));
  t.notOk(places.includes(-1), 'all of them went out');
  t.same(
    places,
    [...places].sort((a, b) => a - b),
  );
});

t.test(
  'cut off after any step, no pointer names what is not there',
  needs('rsync'),
  async (t) => {
    const site = makeSite(t.testdir());
    await site.publish();
    write(site.tree, SECOND);
    const count = path.join(site.dir, 'count');
    const env = standIns(site.dir, {
      rsync: `echo x >> ${count}; [ "$(wc -l < ${count})" -le "$QX_STEPS" ] || exit 12; exec ${REAL_RSYNC} "$@"`,
    });
    let moved = 0;
    for (let steps = 0; steps < 40; steps += 1) {
      fs.rmSync(count, { force: true });
      const { status } = await site.publish([], { ...env, QX_STEPS: String(steps) });
      const has = (name: string): boolean => fs.existsSync(path.join(site.served, name));
      const isNew = fs
        .readFileSync(path.join(site.served, POINTER), 'utf8')
        .includes('1.2.4');
      if (isNew) {
        moved += 1;
        t.ok(
          has('objects/bb/bb2') &&
            has('manifests/m2.json') &&
            has('signatures/p2.minisig'),
          `${steps} steps`,
        );
      }
      if (status === 0) break;
      t.equal(status, 12, "rsync's own status comes out");
    }
    t.ok(moved >= 2, 'the pointer moved, and something came after it');
    t.same(snapshot(site.served), snapshot(site.tree), 'the last run completed it');
  },
);

t.test('nothing at the destination is deleted', needs('rsync'), async (t) => {
  const site = makeSite(t.testdir());
  await site.publish();
  fs.rmSync(path.join(site.tree, 'objects/aa/aa1'));
  await site.publish();
  t.ok(fs.existsSync(path.join(site.served, 'objects/aa/aa1')));
});

t.test(
  'an object that was cut short at the destination stops it',
  needs('rsync'),
  async (t) => {
    const site = makeSite(t.testdir());
    await site.publish();
    fs.writeFileSync(path.join(site.served, 'objects/aa/aa1'), 'o');
    write(site.tree, SECOND);
    const { status, stderr } = await site.publish();
    t.equal(status, 21);
    t.match(stderr, 'objects/aa/aa1');
    t.match(
      fs.readFileSync(path.join(site.served, POINTER), 'utf8'),
      '1.2.3',
      'the pointer stayed',
    );
  },
);

t.test(
  'when another publisher was first, no pointer moves',
  needs('rsync'),
  async (t) => {
    const site = makeSite(t.testdir());
    await site.publish();
    write(site.tree, SECOND);
    const env = standIns(site.dir, {
      'qx-repo': `[ "$*" = "preflight https://example.org/" ] && exit 33`,
    });
    const { status } = await site.publish(['--preflight', 'https://example.org/'], env);
    t.equal(status, 33);
    t.ok(fs.existsSync(path.join(site.served, 'objects/bb/bb2')), 'objects harm nobody');
    t.match(fs.readFileSync(path.join(site.served, POINTER), 'utf8'), '1.2.3');
  },
);

t.test('what is no repository, and a wrong call, are refused', async (t) => {
  const dir = t.testdir({ empty: {} });
  const empty = await run('sh', [
    SCRIPT,
    '--from',
    path.join(dir, 'empty'),
    path.join(dir, 'x'),
  ]);
  t.equal(empty.status, 2);
  t.match(empty.stderr, 'is not a repository');
  for (const args of [[], [''], ['/'], ['a', 'b'], ['--delete', 'x'], ['--from']]) {
    t.equal((await run('sh', [SCRIPT, ...args])).status, 2, args.join(' '));
  }
});

t.test('busybox ash runs the script as well', needs('rsync', 'busybox'), async (t) => {
  const site = makeSite(t.testdir());
  const { status, stderr } = await run('busybox', [
    'ash',
    SCRIPT,
    '--from',
    site.tree,
    site.served,
  ]);
  t.equal(status, 0, stderr);
  t.same(snapshot(site.served), snapshot(site.tree));
});
