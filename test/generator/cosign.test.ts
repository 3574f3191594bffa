import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import {
  parsePublicKeyFile,
  publicKeyLine,
} from '../../client/format/minisign/public-key.ts';
import { parseSecretKeyFile } from '../../client/format/minisign/secret-key.ts';
import { encodeSignatures, sign } from '../../client/format/minisign/signature.ts';
import { encodeRoot } from '../../client/format/root.ts';
import { sha256Of } from '../../generator/tree/digest.ts';
import { ok, qxRepo, smallRelease, write } from './support.ts';

/** A workspace whose releases and channels take two of two signatures; the second keys lie in `second/`. */
async function twoOfTwo(dir: string): Promise<string> {
  const workspace = path.join(dir, 'w');
  await ok(dir, ['init', 'w', '--repository', 'test', '--no-keys']);
  const names = ['root', 'release', 'channel', 'release-2', 'channel-2'];
  for (const name of names) await ok(workspace, ['keygen', name, '--no-password']);
  const key = (name: string) =>
    parsePublicKeyFile(fs.readFileSync(path.join(workspace, `keys/${name}.pub`))).key;
  const role = (...signers: string[]) => ({
    keys: signers.map((name) => key(name).id),
    threshold: signers.length,
  });
  const bytes = encodeRoot({
    type: 'root',
    format: 1,
    repository: 'test',
    version: 1,
    expires: '2029-01-01T00:00:00Z',
    keys: Object.fromEntries(
      names.map((name) => [key(name).id, publicKeyLine(key(name))]),
    ),
    roles: {
      root: role('root'),
      release: role('release', 'release-2'),
      channel: role('channel', 'channel-2'),
    },
  });
  write(path.join(workspace, 'public/root/1.json'), bytes);
  write(
    path.join(workspace, `public/signatures/${sha256Of(bytes)}.minisig`),
    signedBy(path.join(workspace, 'keys/root.key'), bytes),
  );
  fs.mkdirSync(path.join(dir, 'second'));
  for (const name of ['release-2', 'channel-2']) {
    fs.renameSync(
      path.join(workspace, `keys/${name}.key`),
      path.join(dir, `second/${name}.key`),
    );
  }
  await ok(workspace, ['init', '--no-keys']);
  return workspace;
}

function signedBy(keyFile: string, bytes: Buffer): Buffer {
  const key = parseSecretKeyFile(fs.readFileSync(keyFile));
  return encodeSignatures([sign(key, bytes, { trustedComment: 'elsewhere' })]);
}

t.test(
  'a threshold of two: documents wait in pending/ until the second signature is added',
  async (t) => {
    const dir = t.testdir();
    const workspace = await twoOfTwo(dir);
    const release = await ok(workspace, [
      'generate',
      '--version',
      '1.0.0',
      '--channel',
      'dev',
      ...smallRelease(dir, 'a'),
    ]);
    t.match(release, {
      state: 'pending',
      pointer: null,
      manifest: { signatures: '1 of 2' },
    });
    t.notOk(fs.existsSync(path.join(workspace, 'public/manifests')));
    const early = await qxRepo(workspace, ['point', 'quantix-os', 'dev', '1.0.0']);
    t.equal(early.status, 2);

    const waiting = release.manifest.path as string;
    const other = write(
      path.join(dir, 'other.minisig'),
      signedBy(path.join(dir, 'second/channel-2.key'), fs.readFileSync(waiting)),
    );
    const wrong = await qxRepo(workspace, ['sign', '--add', other]);
    t.equal(wrong.status, 20);
    const file = write(
      path.join(dir, 'm.minisig'),
      signedBy(path.join(dir, 'second/release-2.key'), fs.readFileSync(waiting)),
    );
    const added = await ok(workspace, ['sign', '--add', file]);
    t.match(added, { cosigned: [{ state: 'published', signatures: '2 of 2' }] });
    t.same(fs.readdirSync(path.join(workspace, 'pending')), []);

    const pointed = await ok(workspace, ['point', 'quantix-os', 'dev', '1.0.0']);
    t.match(pointed, { state: 'pending', signatures: '1 of 2' });
    t.notOk(fs.existsSync(path.join(workspace, 'public/channels')));
    const bytes = fs.readFileSync(pointed.path as string);
    const second = write(
      path.join(dir, 'p.minisig'),
      signedBy(path.join(dir, 'second/channel-2.key'), bytes),
    );
    await ok(workspace, ['sign', '--add', second]);
    t.same(
      fs.readFileSync(path.join(workspace, 'public/channels/quantix-os/dev.json')),
      bytes,
    );
    t.match(await ok(workspace, ['sign']), {
      pointers: [{ state: 'valid', signatures: '2 of 2' }],
    });
  },
);

t.test('a second signer with the workspace at hand just signs', async (t) => {
  const dir = t.testdir();
  const workspace = await twoOfTwo(dir);
  await ok(workspace, ['generate', '--version', '1.0.0', ...smallRelease(dir, 'a')]);
  const again = await ok(workspace, [
    'generate',
    '--version',
    '1.0.0',
    ...smallRelease(dir, 'a'),
  ]);
  t.match(again, { state: 'pending', release: 1 });
  t.match(await ok(workspace, ['sign']), {
    cosigned: [{ state: 'pending', signatures: '1 of 2' }],
  });
  const key = path.join(dir, 'second/release-2.key');
  t.match(await ok(workspace, ['sign', '--key', key]), {
    cosigned: [{ state: 'published' }],
  });
  const refused = await qxRepo(workspace, [
    'generate',
    '--version',
    '1.0.0',
    ...smallRelease(dir, 'b'),
  ]);
  t.equal(refused.status, 22);
});

t.test('a pointer that waited while another took its serial is refused', async (t) => {
  const dir = t.testdir();
  const workspace = await twoOfTwo(dir);
  for (const version of ['1.0.0', '1.1.0']) {
    await ok(workspace, [
      'generate',
      '--version',
      version,
      ...smallRelease(dir, version),
    ]);
    await ok(workspace, ['sign', '--key', path.join(dir, 'second/release-2.key')]);
  }
  const first = await ok(workspace, ['point', 'quantix-os', 'dev', '1.0.0']);
  const bytes = fs.readFileSync(first.path as string);
  const second = await ok(workspace, ['point', 'quantix-os', 'dev', '1.1.0']);
  t.same(fs.readdirSync(path.join(workspace, 'pending')), [
    path.basename(second.path as string),
    path.basename(second.path as string).replace('json', 'minisig'),
  ]);
  await ok(workspace, ['sign', '--key', path.join(dir, 'second/channel-2.key')]);
  write(path.join(workspace, 'pending', path.basename(first.path as string)), bytes);
  const both = ['channel.key', 'channel-2.key'].map((name) =>
    name === 'channel.key'
      ? path.join(workspace, 'keys', name)
      : path.join(dir, 'second', name),
  );
  const late = write(
    path.join(dir, 'late.minisig'),
    Buffer.concat(both.map((key) => signedBy(key, bytes))),
  );
  const refused = await qxRepo(workspace, ['sign', '--add', late]);
  t.equal(refused.status, 22);
  t.match(refused.stderr, /serial was given to another pointer/);
});
