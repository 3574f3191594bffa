import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { parseSecretKeyFile } from '../../client/format/minisign/secret-key.ts';
import { encodeSignatures, sign } from '../../client/format/minisign/signature.ts';
import {
  type Pointer,
  encodePointer,
  parsePointer,
} from '../../client/format/pointer.ts';
import { sideSignaturePath, signaturePath } from '../../client/format/tree.ts';
import { sha256 } from '../support/forge.ts';
import { keygen, verified } from './root-support.ts';
import { NOW, ok, qxRepo, readJson, smallRelease } from './support.ts';
import { POINTER, published } from './trees.ts';

/** The pointer of `tree` as the thief of the channel key in `keys` would have it. */
function putByThief(tree: string, keys: string, fields: Partial<Pointer>): void {
  const file = (name: string): string => path.join(tree, name);
  const pointer = parsePointer(fs.readFileSync(file(POINTER)));
  const bytes = encodePointer({ ...pointer, ...fields });
  const key = parseSecretKeyFile(fs.readFileSync(path.join(keys, 'channel.key')));
  const block = sign(key, bytes, { trustedComment: 'timestamp:0\tfile:x\thashed' });
  const signature = encodeSignatures([block]);
  fs.writeFileSync(file(POINTER), bytes);
  fs.writeFileSync(file(signaturePath(sha256(bytes))), signature);
  fs.writeFileSync(file(sideSignaturePath('quantix-os', 'stable')), signature);
}

const MAX = Number.MAX_SAFE_INTEGER;
const AHEAD = { issued: '2090-01-01T00:00:00Z', expires: '2091-01-01T00:00:00Z' };

/** What the thief says, where it was found, and what the next pointer is numbered. */
const ROWS: [name: string, fields: Partial<Pointer>, pulled: boolean, serial: number][] =
  [
    ['the highest serial there is lies in public/', { serial: MAX }, false, 3],
    ['the highest serial there is was pulled', { serial: MAX }, true, 2],
    ['a date of the year 2090 lies in public/', { serial: 3, ...AHEAD }, false, 4],
    ['a date of the year 2090 was pulled', { serial: 3, ...AHEAD }, true, 4],
  ];

for (const [name, fields, pulled, serial] of ROWS) {
  t.test(`the new channel key does not vouch for the thief: ${name}`, async (t) => {
    const workspace = await published(t.testdir());
    const keys = path.join(workspace, 'keys');
    const own = path.join(workspace, 'public');
    const web = path.join(workspace, '../web');
    fs.cpSync(own, web, { recursive: true });
    putByThief(pulled ? web : own, keys, fields);
    if (pulled) await ok(workspace, ['pull', web]);

    await keygen(workspace, 'channel-2');
    const rotate = ['root', 'rotate', 'channel', 'channel', 'channel-2', '--now'];
    const rotated = await qxRepo(workspace, rotate);
    t.equal(rotated.status, 0, rotated.stderr);
    t.match(rotated.stdout, /not signed again: pointer.*next: qx-repo sign/);
    const { pointers } = await ok(workspace, ['sign']);
    t.match(pointers, [{ state: 'published', serial, version: '1.1.0' }]);
    const pointer = parsePointer(fs.readFileSync(path.join(own, POINTER)));
    t.match(pointer, { serial, issued: NOW, root: 2 });
    const { channels } = readJson(workspace, 'serials.json');
    t.equal(channels['quantix-os/stable'].serial, serial);
    await verified(t, workspace);

    const release = smallRelease(path.join(workspace, '../next'), 'next');
    const args = ['generate', '--version', '1.2.0', '--channel', 'stable', ...release];
    await ok(workspace, args);
    const next = parsePointer(fs.readFileSync(path.join(own, POINTER)));
    t.equal(next.serial, serial + 1, 'and it counts on from there');

    const job = path.join(workspace, '../job');
    fs.mkdirSync(job);
    fs.copyFileSync(
      path.join(workspace, 'quantix-repo.toml'),
      path.join(job, 'quantix-repo.toml'),
    );
    const spoiled = {
      serial: fields.serial ?? 1,
      version: '1.1.0',
      sha256: '0'.repeat(64),
    };
    const known = { complete: true, channels: { 'quantix-os/stable': spoiled } };
    fs.writeFileSync(path.join(job, 'serials.json'), JSON.stringify(known));
    await ok(job, ['pull', own]);
    t.equal(
      readJson(job, 'serials.json').channels['quantix-os/stable'].serial,
      serial + 1,
      'a job that had taken the thief’s number comes back',
    );
  });
}

t.test(
  'as long as the stolen key counts, no number is left, and it is said',
  async (t) => {
    const workspace = await published(t.testdir());
    putByThief(path.join(workspace, 'public'), path.join(workspace, 'keys'), {
      serial: MAX,
    });
    const release = smallRelease(path.join(workspace, '../next'), 'next');
    for (const args of [
      ['generate', '--version', '1.2.0', '--channel', 'stable', ...release],
      ['point', 'quantix-os', 'stable', '1.0.0', '--rollback'],
    ]) {
      t.match(await qxRepo(workspace, args), {
        status: 22,
        stderr: /no serial is left for this channel[^]*qx-repo root rotate/,
      });
    }
    const page = path.join(workspace, 'public/products/quantix-os/releases-1.json');
    t.notMatch(fs.readFileSync(page, 'utf8'), /1\.2\.0/, 'nothing of it is published');
  },
);

t.test(
  'a pointer that lacks nothing is made anew, so that hosts look at once',
  async (t) => {
    const workspace = await published(t.testdir());
    const { pointers } = await ok(workspace, ['sign']);
    t.match(pointers, [{ state: 'valid', serial: 2 }]);
    await keygen(workspace, 'channel-2');
    await ok(workspace, ['root', 'rotate', 'channel', 'channel', 'channel-2', '--now']);
    t.match((await ok(workspace, ['sign'])).pointers, [{ state: 'valid', serial: 2 }]);
    t.match((await ok(workspace, ['sign', '--renew'])).pointers, [
      { state: 'published', serial: 3, version: '1.1.0', filled: { root: 2 } },
    ]);
    await verified(t, workspace);
  },
);
