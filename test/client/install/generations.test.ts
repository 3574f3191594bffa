import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { nodeFiles } from '../../../client/effects/files.ts';
import {
  entryOf,
  type Generation,
  nextGenerationNumber,
  readCurrent,
  releaseOf,
  switchCurrent,
  writeGeneration,
} from '../../../client/install/generations.ts';
import { layoutOf, octal, storeName } from '../../../client/install/layout.ts';
import type { Component } from '../../../client/format/manifest.ts';
import { refusalOf } from '../../support/web.ts';

const files = nodeFiles();
const DIGEST = 'a'.repeat(64);

function generation(number: number, names = ['qx-node']): Generation {
  return {
    type: 'generation',
    format: 1,
    generation: number,
    installed: '2026-01-01T00:00:00Z',
    entries: names.map((name) => ({
      name,
      install_path: `/data/bin/${name}`,
      version: '1.0.0',
      content: DIGEST,
      kind: 'file',
      target: `../../store/${DIGEST}/file-0755`,
    })),
  };
}

async function withGeneration(dir: string, number: number) {
  const layout = layoutOf(dir);
  fs.mkdirSync(layout.generations, { recursive: true });
  await writeGeneration(files, layout, generation(number));
  return layout;
}

t.test('a host that never installed anything has no generation', async (t) => {
  t.equal(await readCurrent(files, layoutOf(t.testdir())), null);
  t.equal(await readCurrent(files, layoutOf(`${t.testdir()}/none`)), null);
});

t.test('a generation is a folder of links and its record', async (t) => {
  const layout = await withGeneration(t.testdir(), 7);
  t.equal(
    fs.readlinkSync(`${layout.generations}/7/qx-node`),
    `../../store/${DIGEST}/file-0755`,
  );
  t.equal(await readCurrent(files, layout), null, 'it is not current yet');
  await switchCurrent(files, layout, 7);
  t.equal(fs.readlinkSync(layout.current), 'generations/7');
  t.same(await readCurrent(files, layout), generation(7));
});

t.test('switching replaces the link and leaves nothing beside it', async (t) => {
  const layout = await withGeneration(t.testdir(), 1);
  await writeGeneration(files, layout, generation(2));
  fs.symlinkSync('left by a run that died', `${layout.current}.new`);
  await switchCurrent(files, layout, 1);
  await switchCurrent(files, layout, 2);
  t.same(fs.readdirSync(layout.components).sort(), ['current', 'generations']);
  t.equal((await readCurrent(files, layout))?.generation, 2);
});

t.test('numbers are never used twice, not even those of runs that died', async (t) => {
  const layout = layoutOf(t.testdir());
  t.equal(await nextGenerationNumber(files, layout), 1);
  for (const name of ['generations/2', 'generations/10', 'generations/.new', 'baked/12'])
    fs.mkdirSync(path.join(layout.components, name), { recursive: true });
  t.equal(await nextGenerationNumber(files, layout), 13);
});

t.test('what a run that died had begun is thrown away', async (t) => {
  const layout = layoutOf(t.testdir());
  fs.mkdirSync(`${layout.generations}/.new`, { recursive: true });
  fs.writeFileSync(`${layout.generations}/.new/qx-node`, 'half');
  await writeGeneration(files, layout, generation(1));
  t.same(fs.readdirSync(layout.generations), ['1']);
});

t.test(
  'a current that points elsewhere, or at nothing readable, is an error',
  async (t) => {
    const layout = await withGeneration(t.testdir(), 1);
    const point = (target: string): void => {
      fs.rmSync(layout.current, { force: true });
      fs.symlinkSync(target, layout.current);
    };
    for (const target of ['/etc', 'generations/../1', 'generations/01', 'generations/']) {
      point(target);
      const error = await refusalOf(readCurrent(files, layout));
      t.match(error, { code: 'local-state', where: layout.current, found: target });
    }
    point('generations/9');
    t.match(await refusalOf(readCurrent(files, layout)), {
      code: 'local-state',
      where: `${layout.generations}/9/.release.json`,
    });
    for (const record of ['', '{"type":"generation"}', 'x'.repeat(2_000_000)]) {
      point('generations/1');
      fs.writeFileSync(`${layout.generations}/1/.release.json`, record);
      t.match(await refusalOf(readCurrent(files, layout)), { code: 'local-state' });
    }
  },
);

t.test('a target that leads out of the store is refused', async (t) => {
  const layout = await withGeneration(t.testdir(), 1);
  await switchCurrent(files, layout, 1);
  const bad = generation(1);
  const entries = [{ ...bad.entries[0], target: '../../store/../../../etc/shadow' }];
  fs.writeFileSync(
    `${layout.generations}/1/.release.json`,
    JSON.stringify({ ...bad, entries }),
  );
  t.match(await refusalOf(readCurrent(files, layout)), { code: 'local-state' });
});

t.test('the release of a generation that only adopted is the one before', (t) => {
  const release = {
    repository: 'example',
    product: 'p',
    channel: 'stable',
    version: '1.0.0',
    release: 1,
    manifest: DIGEST,
  };
  t.equal(releaseOf(null), undefined);
  t.equal(releaseOf(generation(1)), undefined);
  t.same(releaseOf({ ...generation(1), was: release }), release);
  t.same(releaseOf({ ...generation(1), release }), release);
  t.equal(entryOf(generation(1), 'qx-node')?.name, 'qx-node');
  t.equal(entryOf(generation(1), 'other'), undefined);
  t.equal(entryOf(null, 'qx-node'), undefined);
  t.end();
});

t.test('an entry of the store is named by content and mode', (t) => {
  const component: Component = {
    name: 'x',
    version: '1.0.0',
    kind: 'file',
    install_path: '/x',
    content: { sha256: DIGEST, size: 1 },
    sources: [],
  };
  t.equal(storeName(component), `${DIGEST}/file-0644`);
  t.equal(storeName({ ...component, permissions: '0755' }), `${DIGEST}/file-0755`);
  t.equal(storeName({ ...component, kind: 'directory' }), `${DIGEST}/tree`);
  t.equal(octal(0o7), '0007');
  t.end();
});
