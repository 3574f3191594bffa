import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import type { Pointer } from '../../client/format/pointer.ts';
import { sha256Of } from '../../generator/tree/digest.ts';
import { needs } from '../support/needs.ts';
import {
  filesBelow,
  newWorkspace,
  NOW,
  ok,
  pointerOf,
  qxRepo,
  readJson,
  smallRelease,
  write,
} from './support.ts';

const STABLE = 'public/channels/quantix-os/stable.json';

async function withReleases(dir: string): Promise<string> {
  const workspace = await newWorkspace(path.join(dir, 'w'));
  for (const version of ['1.0.0', '1.1.0']) {
    await ok(workspace, [
      'generate',
      '--version',
      version,
      ...smallRelease(dir, version),
    ]);
  }
  return workspace;
}

function edit(workspace: string, pointer: object | string): string {
  const text = typeof pointer === 'string' ? pointer : JSON.stringify(pointer);
  return write(path.join(workspace, STABLE), text);
}

const read = (workspace: string): Pointer => pointerOf(workspace, 'stable');

t.test(
  'three fields are enough for a person to write; what is filled in is shown',
  async (t) => {
    const workspace = await withReleases(t.testdir());
    edit(workspace, { product: 'quantix-os', channel: 'stable', version: '1.0.0' });
    const called = await qxRepo(workspace, ['sign']);
    t.equal(called.status, 0, called.stderr);
    t.match(called.stdout, /quantix-os\/stable: 1\.0\.0 serial 1: signed/);
    for (const field of [
      'serial',
      'manifests',
      'issued',
      'expires',
      'root',
      'repository',
    ]) {
      t.match(called.stdout, new RegExp(`^ {2}${field} `, 'm'));
    }
    t.match(read(workspace), {
      version: '1.0.0',
      serial: 1,
      issued: NOW,
      expires: '2026-05-30T12:00:00Z',
      root: 1,
    });
    const { sha256 } = {
      sha256: sha256Of(fs.readFileSync(path.join(workspace, STABLE))),
    };
    const main = fs.readFileSync(
      path.join(workspace, `public/signatures/${sha256}.minisig`),
    );
    t.same(fs.readFileSync(path.join(workspace, `${STABLE}.minisig`)), main);
    t.match(
      readJson(workspace, 'public/repository.json').products['quantix-os'].channels,
      ['stable'],
    );
  },
);

t.test('a valid pointer is left alone, byte for byte', async (t) => {
  const workspace = await withReleases(t.testdir());
  edit(workspace, { version: '1.0.0' });
  await ok(workspace, ['sign']);
  const before = filesBelow(workspace);
  const result = await ok(workspace, ['sign'], { now: '2026-03-20T00:00:00Z' });
  t.match(result, { pointers: [{ state: 'valid' }], changes: [] });
  t.same(filesBelow(workspace), before);
});

t.test('a pointer is renewed once a third of its life is over', async (t) => {
  const workspace = await withReleases(t.testdir());
  edit(workspace, { version: '1.0.0', message: 'kept' });
  await ok(workspace, ['sign']);
  const { pointers } = await ok(workspace, ['sign'], { now: '2026-04-01T00:00:00Z' });
  t.match(pointers, [{ state: 'published', serial: 2 }]);
  t.match(read(workspace), {
    issued: '2026-04-01T00:00:00Z',
    message: 'kept',
    version: '1.0.0',
  });
});

t.test('any edit raises the serial, and policies survive it', async (t) => {
  const workspace = await withReleases(t.testdir());
  edit(workspace, { version: '1.0.0' });
  await ok(workspace, ['sign']);
  edit(workspace, { ...read(workspace), paused: true, message: 'wait' });
  await ok(workspace, ['sign']);
  t.match(read(workspace), {
    serial: 2,
    paused: true,
    message: 'wait',
    version: '1.0.0',
  });
  edit(workspace, { version: '1.1.0' });
  await ok(workspace, ['sign']);
  t.match(read(workspace), { serial: 3, version: '1.1.0' });
  t.notOk('paused' in read(workspace));
});

t.test(
  'an old pointer that is put back with its valid signature gets a new serial',
  async (t) => {
    const workspace = await withReleases(t.testdir());
    edit(workspace, { version: '1.1.0' });
    await ok(workspace, ['sign']);
    const old = fs.readFileSync(path.join(workspace, STABLE));
    edit(workspace, { version: '1.1.0', message: 'newer' });
    await ok(workspace, ['sign']);
    fs.writeFileSync(path.join(workspace, STABLE), old);
    t.match(await ok(workspace, ['sign']), {
      pointers: [{ state: 'published', serial: 3 }],
    });
  },
);

t.test('a slip of the pen is refused and named', async (t) => {
  const workspace = await withReleases(t.testdir());
  const rows: [text: object | string, status: number, says: RegExp][] = [
    [{ versio: '1.0.0' }, 23, /found {5}versio/],
    [{ product: 'quantix-os' }, 23, /pointer: version/],
    [
      { product: 'quantix-vdc', version: '1.0.0' },
      23,
      /product is not that of its place/,
    ],
    [{ channel: 'beta', version: '1.0.0' }, 23, /channel is not that of its place/],
    [{ version: '1.0.5' }, 2, /no signed release 1\.0\.5/],
    [
      '{\n  "version": "1.0.0",\n}\n',
      23,
      /not JSON\n {2}where {5}channels\/.*\n {2}found {5}.* at line 3, column 1\n/,
    ],
    ['{"product": "quantix-os", "channel": stable}', 23, /found {5}.*'s'.*: stable\}/],
    ['{"version": "1.0.0", "version": "1.1.0"}', 23, /stands twice/],
    ['[]', 23, /not an object/],
    [{ version: '1.0.0', rollout: { start: 'now' } }, 23, /rollout/],
  ];
  for (const [text, status, says] of rows) {
    edit(workspace, text);
    const refused = await qxRepo(workspace, ['sign']);
    t.equal(refused.status, status, JSON.stringify(text));
    t.match(refused.stderr, says);
  }
});

t.test('a step back by hand must say so', async (t) => {
  const workspace = await withReleases(t.testdir());
  edit(workspace, { version: '1.1.0' });
  await ok(workspace, ['sign']);
  edit(workspace, { version: '1.0.0' });
  t.equal((await qxRepo(workspace, ['sign'])).status, 22);
  edit(workspace, { version: '1.0.0', rollback: true });
  await ok(workspace, ['sign']);
  t.match(read(workspace), { version: '1.0.0', rollback: true, serial: 2 });
});

t.test(
  'where no serial is known, sign refuses unless --first; an edited one is counted on',
  async (t) => {
    const workspace = await withReleases(t.testdir());
    edit(workspace, { version: '1.0.0' });
    await ok(workspace, ['sign']);
    const signed = read(workspace);
    fs.rmSync(path.join(workspace, 'serials.json'));
    edit(workspace, { version: '1.1.0' });
    const refused = await qxRepo(workspace, ['sign']);
    t.equal(refused.status, 22);
    t.match(refused.stderr, /--first/);
    edit(workspace, { ...signed, serial: 41, version: '1.1.0' });
    await ok(workspace, ['sign']);
    t.equal(read(workspace).serial, 42);
  },
);

t.test(
  '--fill-only fills in and signs nothing; sign then signs it as it lies',
  async (t) => {
    const workspace = await withReleases(t.testdir());
    edit(workspace, { version: '1.0.0' });
    t.match(await ok(workspace, ['sign', '--fill-only']), {
      pointers: [{ state: 'filled', serial: 1 }],
    });
    t.notOk(fs.existsSync(path.join(workspace, `${STABLE}.minisig`)));
    t.match(await ok(workspace, ['sign', '--dry-run']), {
      dryRun: true,
      pointers: [{ state: 'published' }],
    });
    await ok(workspace, ['sign']);
    edit(workspace, { ...read(workspace), version: '1.1.0' });
    await ok(workspace, ['sign', '--fill-only']);
    const filled = fs.readFileSync(path.join(workspace, STABLE));
    t.match(read(workspace), { serial: 2, version: '1.1.0' });
    t.match(await ok(workspace, ['sign'], { now: '2026-03-02T00:00:00Z' }), {
      pointers: [{ state: 'published', filled: {} }],
    });
    t.same(fs.readFileSync(path.join(workspace, STABLE)), filled);
  },
);

t.test(
  'stock minisign signs a filled pointer as well, and reads what sign wrote',
  needs('minisign'),
  async (t) => {
    const workspace = await withReleases(t.testdir());
    const minisign = (...args: string[]): void => {
      const { status, stderr } = spawnSync('minisign', args, {
        cwd: workspace,
        encoding: 'utf8',
        input: '\n',
      });
      t.equal(status, 0, stderr);
    };
    edit(workspace, { version: '1.0.0' });
    await ok(workspace, ['sign']);
    minisign('-Vm', STABLE, '-H', '-p', 'keys/channel.pub');
    edit(workspace, { ...read(workspace), version: '1.1.0' });
    await ok(workspace, ['sign', '--fill-only']);
    minisign('-Sm', STABLE, '-s', 'keys/channel.key');
    const side = fs.readFileSync(path.join(workspace, `${STABLE}.minisig`));
    t.match(await ok(workspace, ['sign']), {
      pointers: [{ state: 'accepted', serial: 2 }],
    });
    t.same(fs.readFileSync(path.join(workspace, `${STABLE}.minisig`)), side);
    const sha256 = sha256Of(fs.readFileSync(path.join(workspace, STABLE)));
    t.same(
      fs.readFileSync(path.join(workspace, `public/signatures/${sha256}.minisig`)),
      side,
    );
    t.match(await ok(workspace, ['sign']), {
      pointers: [{ state: 'valid' }],
      changes: [],
    });
  },
);
