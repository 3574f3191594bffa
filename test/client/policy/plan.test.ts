import t from 'tap';
import type { Component, Manifest, Source } from '../../../client/format/manifest.ts';
import {
  checkSpace,
  chooseSource,
  type Holdings,
  makePlan,
} from '../../../client/policy/plan.ts';
import { refusal } from '../../support/refusal.ts';

const digest = (letter: string): string => letter.repeat(64);
const source = (changes: Partial<Source> = {}): Source => ({
  type: 'full',
  encoding: 'identity',
  sha256: digest('a'),
  size: 100,
  ...changes,
});

function component(name: string, sources: Source[], size = 300): Component {
  return {
    name,
    version: '1.0.0',
    kind: 'file',
    install_path: `/data/bin/${name}`,
    content: { sha256: digest('c'), size },
    sources,
  };
}

const manifest = (...components: Component[]): Manifest => ({
  type: 'manifest',
  format: 1,
  repository: 'example',
  product: 'p',
  version: '1.0.0',
  release: 1,
  release_date: '2026-01-01T00:00:00Z',
  update_type: 'component',
  arch: 'any',
  components,
});

const NOTHING: Holdings = {
  stored: new Set(),
  staged: new Set(),
  partial: new Map(),
  imageBytes: 0,
};

t.test('the smallest source that can be read is taken', (t) => {
  const br = source({ encoding: 'br', sha256: digest('b'), size: 40 });
  const zstd = source({ encoding: 'zstd', size: 10 });
  const patch = source({ type: 'patch', size: 5, from: digest('0') });
  t.same(chooseSource(component('x', [source(), zstd, br, patch])), br);
  const error = refusal(() => chooseSource(component('x', [zstd, patch]), 'there'));
  t.match(error, { code: 'too-new', where: 'there', found: /full in zstd, patch in/ });
  t.match(
    refusal(() => chooseSource(component('x', []))),
    { found: 'none' },
  );
  t.end();
});

t.test('what is here is not fetched', (t) => {
  const release = manifest(
    component('stored', [source({ sha256: digest('1') })]),
    component('staged', [source({ sha256: digest('2') })]),
    component('begun', [source({ sha256: digest('3') })]),
    component('new', [source({ sha256: digest('4') })]),
  );
  const plan = makePlan(release, {
    stored: new Set(['stored']),
    staged: new Set([digest('2')]),
    partial: new Map([[digest('3'), 60]]),
    imageBytes: 0,
  });
  t.same(
    plan.steps.map(({ need, downloadBytes }) => [need, downloadBytes]),
    [
      ['installed', 0],
      ['staged', 0],
      ['download', 40],
      ['download', 100],
    ],
  );
  t.equal(plan.downloadBytes, 140);
  t.equal(plan.diskBytes, 140 + 3 * 300, 'what is fetched and what is unpacked');
  t.end();
});

t.test('an object of two components is fetched once', (t) => {
  const plan = makePlan(
    manifest(component('a', [source()]), component('b', [source()])),
    NOTHING,
  );
  t.equal(plan.downloadBytes, 100);
  t.end();
});

t.test(
  'a part that is longer than its object counts as nothing to come, not less',
  (t) => {
    const partial = new Map([[digest('a'), 999]]);
    const plan = makePlan(manifest(component('a', [source()])), { ...NOTHING, partial });
    t.equal(plan.downloadBytes, 0);
    t.end();
  },
);

t.test(
  'space is asked for with some to spare, and only when something is needed',
  (t) => {
    const spare = 8 * 1024 * 1024;
    const plan = { steps: [], image: null, downloadBytes: 10, diskBytes: 1000 };
    checkSpace(plan, 1000 + spare, '/data');
    checkSpace({ ...plan, diskBytes: 0 }, 0, '/data');
    const error = refusal(() => checkSpace(plan, 999 + spare, '/data'));
    t.match(error, {
      code: 'disk',
      where: '/data',
      expected: `${1000 + spare} bytes free`,
    });
    t.equal(error.found, `${999 + spare} bytes free`);
    t.end();
  },
);
