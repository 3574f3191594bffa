import fs from 'node:fs';
import t from 'tap';
import { nodeFiles } from '../../../client/effects/files.ts';
import { sign } from '../../../client/format/minisign/signature.ts';
import { encodeRoot, parseRoot, type Root } from '../../../client/format/root.ts';
import {
  pointerFile,
  readDocument,
  readTrustedRoot,
  storeDocument,
  storeRoot,
} from '../../../client/state/trust-store.ts';
import { accepted } from '../../support/documents.ts';
import { fixedKey } from '../../support/forge.ts';
import { refusalOf } from '../../support/web.ts';

const files = nodeFiles();
const ROOT = parseRoot(accepted('root-minimal'));
const version = (number: number): Root => ({ ...ROOT, version: number });

async function store(dir: string, ...versions: number[]): Promise<void> {
  for (const number of versions)
    await storeRoot(files, dir, version(number), encodeRoot(version(number)));
}

function pin(dir: string, root = version(1)): string {
  fs.writeFileSync(`${dir}/pinned.json`, encodeRoot(root));
  return `${dir}/pinned.json`;
}

t.test(
  'the newest root that was accepted is trusted, by number and not by name',
  async (t) => {
    const dir = t.testdir();
    const pinned = pin(dir);
    t.equal((await readTrustedRoot(files, dir, pinned)).trusted.version, 1);
    await store(dir, 2, 9, 10);
    const { trusted, pinned: first } = await readTrustedRoot(files, dir, pinned);
    t.equal(trusted.version, 10);
    t.equal(first.version, 1);
  },
);

t.test('a newer pinned root wins over what was stored', async (t) => {
  const dir = t.testdir();
  await store(dir, 2);
  const { trusted } = await readTrustedRoot(files, dir, pin(dir, version(3)));
  t.equal(trusted.version, 3);
});

t.test('roots of another repository are not looked at', async (t) => {
  const dir = t.testdir();
  const other = { ...version(5), repository: 'elsewhere' };
  await storeRoot(files, dir, other, encodeRoot(other));
  const { trusted } = await readTrustedRoot(files, dir, pin(dir));
  t.equal(trusted.version, 1);
});

t.test('a file that is not what its name says is refused', async (t) => {
  const dir = t.testdir();
  await store(dir, 2);
  fs.renameSync(
    `${dir}/trust/${ROOT.repository}/2.json`,
    `${dir}/trust/${ROOT.repository}/7.json`,
  );
  const error = await refusalOf(readTrustedRoot(files, dir, pin(dir)));
  t.match(error, { code: 'local-state', where: /7\.json$/ });
});

t.test('unusable roots are told from a missing one', async (t) => {
  const dir = t.testdir({ empty: '', large: 'x'.repeat(70_000) });
  for (const [name, code] of [
    ['empty', 'local-state'],
    ['large', 'local-state'],
    ['nothing', 'config'],
  ] as const) {
    const error = await refusalOf(readTrustedRoot(files, dir, `${dir}/${name}`));
    t.match(error, { code, where: `${dir}/${name}` });
  }
});

t.test('a stored document comes back; half of one or a torn one does not', async (t) => {
  const dir = t.testdir();
  const path = pointerFile(dir, 'p', 'stable');
  const bytes = Buffer.from('{}');
  const blocks = [sign(fixedKey(3), bytes, { trustedComment: 'x' })];
  t.equal(await readDocument(files, path, 100), null);
  await storeDocument(files, path, { bytes, blocks });
  t.same(await readDocument(files, path, 100), { bytes, blocks });
  fs.writeFileSync(`${path}.minisig`, 'torn');
  t.equal(await readDocument(files, path, 100), null);
  fs.rmSync(`${path}.minisig`);
  t.equal(await readDocument(files, path, 100), null);
});

t.test('a stored document that has grown too large is fetched anew', async (t) => {
  const dir = t.testdir();
  const path = pointerFile(dir, 'p', 'stable');
  const bytes = Buffer.alloc(200, ' ');
  const blocks = [sign(fixedKey(3), bytes, { trustedComment: 'x' })];
  await storeDocument(files, path, { bytes, blocks });
  t.equal(await readDocument(files, path, 100), null);
});
