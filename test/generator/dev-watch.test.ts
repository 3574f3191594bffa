import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import type { Files } from '../../client/effects/effects.ts';
import { nodeEffects } from '../../client/effects/node.ts';
import { QxError } from '../../client/format/error.ts';
import { chooseProduct } from '../../generator/dev/choose-product.ts';
import { type Marks, changedNames, look } from '../../generator/dev/look.ts';
import {
  type Patience,
  afterLook,
  newPatience,
  nextStep,
  pauseAfter,
} from '../../generator/dev/patience.ts';
import { parseWorkspaceConfig } from '../../generator/workspace/config.ts';
import { presetConfig } from '../../generator/workspace/preset.ts';
import { write } from './support.ts';

const { files } = nodeEffects({});

async function markOf(file: string, using: Files = files): Promise<string | null> {
  const { marks } = await look(using, [{ name: 'it', path: file }]);
  return marks.get('it') ?? null;
}

t.test('every change of a file or folder is seen, whatever its times say', async (t) => {
  const dir = t.testdir({
    file: 'one',
    folder: { a: { deep: 'one' }, b: 'two' },
    builds: { 1: 'one', 2: 'one' },
    link: t.fixture('symlink', 'builds/1'),
  });
  const at = (name: string): string => path.join(dir, name);
  const past = new Date('2020-01-01T00:00:00Z');
  for (const name of ['file', 'folder/a/deep', 'builds/1', 'builds/2'])
    fs.utimesSync(at(name), past, past);
  const rows: [watched: string, change: () => void, why: string][] = [
    ['file', () => fs.appendFileSync(at('file'), '!'), 'more bytes'],
    ['file', () => touch(at('file'), 'two!'), 'as long as before, its time set back'],
    ['file', () => replace(at('file'), 'six!'), 'replaced by rename'],
    ['file', () => fs.chmodSync(at('file'), 0o755), 'other rights'],
    ['folder', () => touch(at('folder/a/deep'), 'two'), 'far below, its time set back'],
    ['folder', () => write(at('folder/a/new'), 'x'), 'one more'],
    ['folder', () => fs.rmSync(at('folder/b')), 'one less'],
    ['folder', () => fs.renameSync(at('folder/a/new'), at('folder/a/old')), 'a name'],
    ['link', () => relink(at('link'), 'builds/2'), 'a link leads elsewhere'],
    ['link', () => fs.appendFileSync(at('builds/2'), '!'), 'behind the link'],
  ];
  for (const [watched, change, why] of rows) {
    const before = await markOf(at(watched));
    t.equal(await markOf(at(watched)), before, 'nothing changed, nothing seen');
    change();
    const after = await markOf(at(watched));
    t.not(after, before, why);
    t.type(after, 'string');
  }

  function touch(file: string, text: string): void {
    fs.writeFileSync(file, text);
    fs.utimesSync(file, past, past);
  }
});

function replace(file: string, text: string): void {
  write(`${file}.new`, text);
  fs.renameSync(`${file}.new`, file);
}

function relink(link: string, target: string): void {
  fs.symlinkSync(target, `${link}.new`);
  fs.renameSync(`${link}.new`, link);
}

t.test('what a build has only begun is nothing yet', async (t) => {
  const dir = t.testdir({
    empty: '',
    folder: { only: { folders: {} } },
    dangling: t.fixture('symlink', 'nowhere'),
    rebuilt: { a: 'x', b: 'x' },
  });
  for (const name of ['nothing', 'empty', 'folder', 'dangling', 'empty/below'])
    t.equal(await markOf(path.join(dir, name)), null, name);

  const vanishing: Files = {
    ...files,
    info: async (file) => (file.endsWith('/b') ? null : files.info(file)),
  };
  t.equal(
    await markOf(path.join(dir, 'rebuilt'), vanishing),
    null,
    'goes while looked at',
  );
});

t.test('what cannot be looked at is not waited for', async (t) => {
  const forbidden: Files = {
    ...files,
    info: () =>
      Promise.reject(Object.assign(new Error('EACCES: no'), { code: 'EACCES' })),
  };
  const dir = t.testdir({ file: 'x' });
  t.match(await markOf(path.join(dir, 'file'), forbidden), /EACCES/);
});

const marks = (a: string | null, b: string | null = 'b'): Marks =>
  new Map([
    ['a', a],
    ['b', b],
  ]);

t.test('nothing is taken before all of it is still', (t) => {
  // prettier-ignore
  const rows: [seen: Marks, pausedMs: number, step: string, why: string][] = [
    [marks('1'), 0, 'wait', 'the first look says nothing about what moves'],
    [marks('1'), 250, 'wait', 'not long enough'],
    [marks('1'), 250, 'publish', 'still for half a second'],
    [marks('1'), 250, 'wait', 'published'],
    [marks('2'), 250, 'wait', 'a save'],
    [marks('3'), 250, 'wait', 'the linker writes on'],
    [marks('3'), 250, 'wait', 'once more'],
    [marks('3', 'c'), 250, 'wait', 'the other one as well'],
    [marks('3', 'c'), 250, 'wait', 'once more'],
    [marks('3', 'c'), 250, 'publish', 'both are still'],
    [marks(null, 'c'), 250, 'wait', 'removed to be built anew'],
    [marks(null, 'c'), 600, 'missing', 'that takes long'],
    [marks(null, 'c'), 600, 'wait', 'said already'],
    [marks('4', 'c'), 250, 'wait', 'there it is'],
    [marks('4', 'c'), 600, 'publish', 'and whole'],
    [marks(null, 'c'), 250, 'wait', 'gone for a moment'],
    [marks('4', 'c'), 250, 'wait', 'and back as it was: nothing to do'],
    [marks('4', 'c'), 600, 'wait', 'nothing to do'],
  ];
  let patience: Patience = newPatience(0);
  for (const [seen, pausedMs, wanted, why] of rows) {
    patience = afterLook(patience, { marks: seen, changedMs: 0 }, 0, pausedMs);
    const step = nextStep(patience, 500);
    t.equal(step.what, wanted, why);
    if (step.what === 'missing') t.same(step.names, ['a']);
    if (step.what === 'missing') patience = { ...patience, told: true };
    if (step.what === 'publish') patience = { ...patience, taken: seen };
  }
  t.end();
});

t.test('a publication that was not done leaves its changes to the next look', (t) => {
  let patience = newPatience(0);
  for (const pausedMs of [0, 500])
    patience = afterLook(patience, { marks: marks('1'), changedMs: 0 }, 0, pausedMs);
  t.match(nextStep(patience, 500), { what: 'publish', names: ['a', 'b'] });
  patience = afterLook(patience, { marks: marks('1'), changedMs: 0 }, 0, 250);
  t.match(nextStep(patience, 500), { what: 'publish', names: ['a', 'b'] });
  t.same(changedNames(marks('1'), marks('2')), ['a']);
  t.end();
});

t.test('the time of a save lies between two looks, whatever a share says', (t) => {
  const rows: [changedMs: number, savedMs: number][] = [
    [1500, 1500],
    [0, 1000],
    [99_000, 2000],
  ];
  for (const [changedMs, savedMs] of rows) {
    const first = afterLook(
      newPatience(1000),
      { marks: marks('1'), changedMs: 0 },
      1000,
      0,
    );
    const then = afterLook(first, { marks: marks('2'), changedMs }, 2000, 250);
    t.equal(then.savedMs, savedMs);
  }
  t.end();
});

t.test('looking takes a tenth of the time', (t) => {
  t.same([0, 10, 100, 10_000].map(pauseAfter), [250, 250, 900, 5000]);
  t.end();
});

t.test('the product follows from the components where only one has them', (t) => {
  const preset = parseWorkspaceConfig(Buffer.from(presetConfig('test')), 'x');
  const own = parseWorkspaceConfig(
    Buffer.from('repository = "test"\n[products.mine]\n'),
    'x',
  );
  t.equal(chooseProduct(preset, ['qx-node', 'host-ui']), 'quantix-os');
  t.equal(chooseProduct(preset, ['dashboard']), 'quantix-vdc');
  t.equal(chooseProduct(own, ['anything']), 'mine', 'the only one');
  for (const names of [['qx-node', 'dashboard'], ['unknown']]) {
    t.throws(() => chooseProduct(preset, names), { code: 'usage' }, names.join());
  }
  const { products } = preset;
  const twice = {
    ...preset,
    products: { ...products, other: products['quantix-os'] ?? { components: {} } },
  };
  t.throws(() => chooseProduct(twice, ['qx-node']), QxError, 'two have it');
  t.end();
});
