// node test/vectors/golden/make.mjs FOLDER: makes the golden trees anew in FOLDER, to be looked at and, with a new
// format, to be added as trees of a new name. No test runs it: what lies here was made once and stays.
import fs from 'node:fs';
import { register } from 'node:module';
import path from 'node:path';

register('../../support/typescript.mjs', import.meta.url);
const { ok, newWorkspace, NOW, smallRelease } = await import('../../generator/support.ts');
const { about, squashfs } = await import('../../support/slot-image.ts');
const { makeForge, sha256 } = await import('../../support/forge.ts');
const { parsePublicKeyFile, publicKeyLine } = await import(
  '../../../client/format/minisign/public-key.ts'
);
const { parseSecretKeyFile } = await import('../../../client/format/minisign/secret-key.ts');
const { encodeSignatures, sign } = await import('../../../client/format/minisign/signature.ts');
const { encodeRoot, parseRoot } = await import('../../../client/format/root.ts');

/** What these hold is named by whoever writes the document. */
const TABLES = ['keys', 'roles', 'manifests', 'floors'];

const out = path.resolve(process.argv[2] ?? '');
const work = fs.mkdtempSync('/tmp/quantix-golden-');
fs.mkdirSync(out, { recursive: true });
await makeReleases();
makeUnknownFields();
// The secret keys of the first tree go with it; nobody can sign for it again.
fs.rmSync(work, { recursive: true });

/** Two releases and an image, two roots, a channel that takes two of three keys. */
async function makeReleases() {
  const workspace = await newWorkspace(path.join(work, 'w'));
  const call = (...args) => ok(workspace, args);
  for (const name of ['channel-2', 'channel-3']) await call('keygen', name, '--no-password');
  publishSecondRoot(workspace);
  await call('generate', '--version', '1.0.0', '--channel', 'stable', ...smallRelease(work, 'one'));
  await call('generate', '--version', '1.1.0', '--channel', 'beta', ...smallRelease(work, 'two'));
  const image = path.join(work, 'image.raw');
  fs.writeFileSync(image, Buffer.concat([squashfs(), about({ layout: 'A', arch: 'x86_64' })]));
  const flags = ['--product', 'quantix-os', '--image', image, '--issued', NOW];
  await call('generate', '--version', '2.0.0', '--channel', 'image', ...flags);
  fs.cpSync(path.join(workspace, 'public'), path.join(out, 'releases'), { recursive: true });
}

function publishSecondRoot(workspace) {
  const file = (name) => fs.readFileSync(path.join(workspace, name));
  const first = parseRoot(file('public/root/1.json'));
  const names = ['channel', 'channel-2', 'channel-3'];
  const keys = names.map((name) => parsePublicKeyFile(file(`keys/${name}.pub`)).key);
  const bytes = encodeRoot({
    ...first,
    version: 2,
    keys: { ...first.keys, ...Object.fromEntries(keys.map((key) => [key.id, publicKeyLine(key)])) },
    roles: { ...first.roles, channel: { keys: keys.map(({ id }) => id), threshold: 2 } },
  });
  const block = sign(parseSecretKeyFile(file('keys/root.key')), bytes, { trustedComment: 'root 2' });
  fs.writeFileSync(path.join(workspace, 'public/root/2.json'), bytes);
  const signature = path.join(workspace, `public/signatures/${sha256(bytes)}.minisig`);
  fs.writeFileSync(signature, encodeSignatures([block]));
  const config = path.join(workspace, 'quantix-repo.toml');
  const text = fs.readFileSync(config, 'utf8');
  fs.writeFileSync(
    config,
    text.replace('channel = "channel"', 'channel = ["channel", "channel-3"]'),
  );
}

/** One release with a field that no version knows in each object of each document. */
function makeUnknownFields() {
  const forge = makeForge(path.join(out, 'unknown-fields'), 'golden-unknown-fields');
  const root = withUnknown(encodeRoot(forge.root));
  fs.rmSync(forge.dir, { recursive: true });
  forge.put('root/1.json', root);
  const block = sign(forge.keys.root, root, { trustedComment: 'root 1' });
  forge.put(`signatures/${sha256(root)}.minisig`, encodeSignatures([block]));
  forge.release({
    pointer: { issued: NOW, expires: '2026-06-01T00:00:00Z' },
    editManifest: withUnknown,
    editPointer: withUnknown,
  });
}

function withUnknown(bytes) {
  const add = (value, name) => {
    if (Array.isArray(value)) return value.map((each) => add(each, ''));
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).map(([key, each]) => [key, add(each, key)]);
    if (!TABLES.includes(name)) entries.push(['x_later', { list: [1, 'two', { three: null }] }]);
    return Object.fromEntries(entries);
  };
  return Buffer.from(`${JSON.stringify(add(JSON.parse(bytes.toString()), ''), null, 2)}\n`);
}
