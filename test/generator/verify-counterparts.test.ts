import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { encodeManifest } from '../../client/format/manifest.ts';
import { publicKeyLine } from '../../client/format/minisign/public-key.ts';
import { encodeSignatures, sign } from '../../client/format/minisign/signature.ts';
import { encodePointer } from '../../client/format/pointer.ts';
import { encodeRoot, type Root } from '../../client/format/root.ts';
import { fixedKey, makeForge, sha256, YEARS_AWAY } from '../support/forge.ts';
import { makeStockKey, stockSign } from '../support/minisign.ts';
import { needs } from '../support/needs.ts';
import { startNginx } from '../support/nginx.ts';
import { NOW, ok, qxRepo, write } from './support.ts';
import { POINTER, published, serveFolder } from './trees.ts';

const LIFE = { issued: NOW, expires: '2026-05-01T00:00:00Z' };

interface Report {
  root: object;
  problems: { code: string; message: string; where: string }[];
  warnings: { message: string; where: string }[];
}

async function report(args: string[]): Promise<Report & { status: number }> {
  const called = await qxRepo('/', ['verify', ...args, '--json']);
  return { ...(JSON.parse(called.stdout) as Report), status: called.status };
}

t.test('a tree under nginx', needs('nginx'), async (t) => {
  const workspace = await published(t.testdir());
  const nginx = await startNginx(t, path.join(workspace, 'public'));
  const root = path.join(workspace, 'public/root/1.json');
  const found = await ok(workspace, [
    'verify',
    nginx.url,
    '--root',
    root,
    '--min-life',
    '30d',
  ]);
  t.match(found, { ok: true, objects: { checked: 8 }, warnings: [] });
  const asked = nginx.requests().map((request) => request.path);
  const objects = asked.filter((name) => name.startsWith('/objects/'));
  t.equal(new Set(objects).size, objects.length, 'each object is asked for once');
});

t.test('a pointer that stock minisign signed', needs('minisign'), async (t) => {
  const dir = t.testdir();
  const key = await makeStockKey(path.join(dir, 'keys'), 'channel');
  const forge = makeForge(path.join(dir, 'tree'));
  const line = fs.readFileSync(key.publicKey, 'utf8').split('\n')[1] ?? '';
  const id = Buffer.from(line, 'base64')
    .subarray(2, 10)
    .reverse()
    .toString('hex')
    .toUpperCase();
  const root: Root = {
    ...forge.root,
    keys: { ...forge.root.keys, [id]: line },
    roles: { ...forge.root.roles, channel: { keys: [id], threshold: 1 } },
  };
  const bytes = encodeRoot(root);
  forge.put('root/1.json', bytes);
  const own = sign(fixedKey(1), bytes, { trustedComment: 'x' });
  forge.put(`signatures/${sha256(bytes)}.minisig`, encodeSignatures([own]));
  const { pointer } = forge.release({ pointer: LIFE });
  forge.remove(`signatures/${sha256(encodePointer(pointer))}.minisig`);
  await stockSign(path.join(forge.dir, POINTER), key.secretKey);
  const { status, problems, warnings } = await report([forge.dir]);
  t.equal(status, 0, JSON.stringify(problems));
  t.ok(warnings.some(({ message }) => message.includes('beside itself only')));
});

t.test('two signers of three, and a block that is damaged beside them', async (t) => {
  const forge = makeForge(path.join(t.testdir(), 'tree'));
  const signers = [fixedKey(3), fixedKey(4), fixedKey(5)];
  const listed = signers.map((key) => [key.id, publicKeyLine(key.publicKey)] as const);
  const root: Root = {
    ...forge.root,
    keys: { ...forge.root.keys, ...Object.fromEntries(listed) },
    roles: {
      ...forge.root.roles,
      channel: { keys: signers.map(({ id }) => id), threshold: 2 },
    },
  };
  const rootBytes = encodeRoot(root);
  forge.put('root/1.json', rootBytes);
  const own = sign(fixedKey(1), rootBytes, { trustedComment: 'x' });
  forge.put(`signatures/${sha256(rootBytes)}.minisig`, encodeSignatures([own]));
  const { pointer } = forge.release({ pointer: LIFE });
  const bytes = encodePointer(pointer);
  const file = `signatures/${sha256(bytes)}.minisig`;
  const block = (seed: number, message: Buffer = bytes) =>
    sign(fixedKey(seed), message, { trustedComment: 'x' });
  const place = (...blocks: ReturnType<typeof block>[]): void => {
    forge.put(file, encodeSignatures(blocks));
    forge.put(`${POINTER}.minisig`, encodeSignatures(blocks));
  };

  place(block(3));
  t.match(await report([forge.dir]), { status: 20, problems: [{ where: POINTER }] });
  place(block(3), block(5));
  t.equal((await report([forge.dir])).status, 0);
  place(block(3), block(5), block(4, Buffer.from('another message')));
  t.match(await report([forge.dir]), { status: 20, problems: [{ where: file }] });
  place(block(3), block(5), block(7));
  const stranger = await report([forge.dir]);
  t.equal(stranger.status, 0, 'a stranger does no harm');
  t.ok(stranger.warnings.some(({ where }) => where === file));
});

t.test(
  'keys that were replaced: old releases stay readable, channels must not name them',
  async (t) => {
    const forge = makeForge(path.join(t.testdir(), 'tree'));
    const old = forge.release({ pointer: LIFE });
    const oldBytes = encodeManifest(old.manifest);
    const fresh = fixedKey(6);
    const next: Root = {
      ...forge.root,
      version: 2,
      keys: { ...forge.root.keys, [fresh.id]: publicKeyLine(fresh.publicKey) },
      roles: { ...forge.root.roles, release: { keys: [fresh.id], threshold: 1 } },
    };
    const bytes = encodeRoot(next);
    forge.put('root/2.json', bytes);
    const block = sign(fixedKey(1), bytes, { trustedComment: 'x' });
    forge.put(`signatures/${sha256(bytes)}.minisig`, encodeSignatures([block]));
    const named = await report([forge.dir]);
    t.match(named, {
      status: 20,
      problems: [{ where: `manifests/${sha256(oldBytes)}.json` }],
    });

    const manifest = { ...old.manifest, version: '2.0.0', release: 2 };
    const { sha256: digest, size } = forge.manifest(encodeManifest(manifest), fresh);
    const pointer = {
      ...old.pointer,
      version: '2.0.0',
      serial: 2,
      manifests: { any: { sha256: digest, size } },
    };
    forge.pointer(encodePointer(pointer));
    const after = await report([forge.dir]);
    t.equal(after.status, 0, JSON.stringify(after.problems));
    t.ok(after.warnings.some(({ message }) => message.includes('older trust root')));
  },
);

t.test('objects that are at another place, and a floor', async (t) => {
  const dir = t.testdir();
  const cdn = makeForge(path.join(dir, 'cdn'));
  const { object } = cdn.release({ pointer: LIFE });
  const forge = makeForge(path.join(dir, 'tree'));
  const name = `objects/${object.sha256.slice(0, 2)}/${object.sha256}`;
  const base = await serveFolder(t, cdn.dir);
  forge.release({ pointer: { ...LIFE, objects: [`${base}/`] } });
  forge.remove(name);
  t.equal((await report([forge.dir])).status, 0, 'the pointer says where they are');
  cdn.remove(name);
  t.match(await report([forge.dir]), { status: 21, problems: [{ where: name }] });

  const floored = makeForge(path.join(dir, 'floored'));
  const bytes = encodeRoot({
    ...floored.root,
    floors: { 'quantix-os': 5 },
    expires: YEARS_AWAY,
  });
  floored.put('root/1.json', bytes);
  const block = sign(fixedKey(1), bytes, { trustedComment: 'x' });
  floored.put(`signatures/${sha256(bytes)}.minisig`, encodeSignatures([block]));
  floored.release({ pointer: LIFE });
  t.match(await report([floored.dir]), { status: 22, problems: [{ code: 'rollback' }] });
});

t.test('the pinned root must be part of the chain', async (t) => {
  const forge = makeForge(path.join(t.testdir(), 'tree'));
  forge.release({ pointer: LIFE });
  const next = encodeRoot({ ...forge.root, version: 2 });
  forge.put('root/2.json', next);
  const block = sign(fixedKey(1), next, { trustedComment: 'x' });
  forge.put(`signatures/${sha256(next)}.minisig`, encodeSignatures([block]));
  const pin = (name: string, bytes: Buffer): string =>
    write(path.join(t.testdirName, name), bytes);

  const first = await report([forge.dir, '--root', pin('one.json', forge.rootBytes)]);
  t.equal(first.status, 0, JSON.stringify(first.problems));
  t.match(first.root, { version: 2, pinned: true });
  const second = await report([forge.dir, '--root', pin('two.json', next)]);
  t.equal(second.status, 0);

  const stranger = encodeRoot({ ...forge.root, expires: '2098-01-01T00:00:00Z' });
  const foreign = await report([forge.dir, '--root', pin('x.json', stranger)]);
  t.equal(foreign.status, 20);
  const newer = encodeRoot({ ...forge.root, version: 3 });
  const withheld = await report([forge.dir, '--root', pin('y.json', newer)]);
  t.equal(withheld.status, 11);
});
