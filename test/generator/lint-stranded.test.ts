import t from 'tap';
import type { Manifest } from '../../client/format/manifest.ts';
import type { Pointer } from '../../client/format/pointer.ts';
import { Problems } from '../../generator/check/problems.ts';
import type { Survey } from '../../generator/check/survey.ts';
import { lintStranded } from '../../generator/lint/stranded.ts';

/** No published version is left without a way to what its channel points to. */

const id = (version: string, arch = 'any') => ({ sha256: `${version} ${arch}`, size: 1 });

interface Published {
  version: string;
  min?: string;
  /** The number of the release, 1 where that is not what a row is about. */
  release?: number;
  floor?: number;
  arch?: string;
  product?: string;
}

function problemsOf(all: Published[], pointer: Partial<Pointer>): Problems {
  const manifests = all.map(
    ({ version, min, floor, release = 1, arch = 'any', product = 'quantix-os' }) => ({
      sha256: id(version, arch).sha256,
      manifest: {
        ...{ product, version, arch, release },
        ...(min === undefined ? {} : { min_version: min }),
        ...(floor === undefined ? {} : { floor }),
      } as Manifest,
    }),
  );
  const named = { product: 'quantix-os', channel: 'stable', ...pointer } as Pointer;
  const problems = new Problems('');
  lintStranded(
    { manifests, pointers: [{ pointer: named }] } as unknown as Survey,
    problems,
  );
  return problems;
}

function linted(all: Published[], pointer: Partial<Pointer>): string[] {
  const problems = problemsOf(all, pointer);
  for (const { level, where } of problems.all) {
    if (level !== 'error' || where !== 'channels/quantix-os/stable.json')
      throw new Error(`${level} ${where}`);
  }
  const told = problems.all.map(
    ({ found = '', expected = '' }) => `${/on (\w+)$/.exec(expected)?.[1]}: ${found}`,
  );
  return told.sort();
}

const TO_3 = { version: '3.0.0', manifests: { any: id('3.0.0') } };
const stone = (version: string, range: string) => ({
  ...{ version, release: 1, for: range, manifests: { any: id(version) } },
});
const OLD: Published[] = [
  { version: '1.0.0' },
  { version: '1.1.0' },
  { version: '2.0.0', min: '1.1.0' },
  { version: '3.0.0', min: '2.0.0' },
];

t.test('versions below min_version are named, and a stone brings them there', (t) => {
  t.same(linted(OLD, TO_3), ['any: none from 1.0.0, 1.1.0']);
  t.same(linted(OLD, { ...TO_3, via: [stone('2.0.0', '<2.0.0')] }), ['any: none from 1.0.0']);
  const both = [stone('2.0.0', '<2.0.0'), stone('1.1.0', '<1.1.0')];
  t.same(linted(OLD, { ...TO_3, via: both }), []);
  t.same(linted(OLD, { ...TO_3, via: [stone('2.0.0', '>=1.1.0'), stone('1.1.0', '<1.1.0')] }), []);
  t.same(linted(OLD.slice(0, 2), { version: '1.1.0', manifests: { any: id('1.1.0') } }), []);
  t.end();
}); // prettier-ignore

t.test('a host does not go below the floor that a release has left it with', (t) => {
  const late = { version: '1.1.1', release: 9, floor: 8 };
  const numbered = OLD.map((each, at) => ({ ...each, release: at + 1 }));
  const via = [stone('2.0.0', '>=1.1.0 <2.0.0'), stone('1.1.0', '<1.1.0')];
  t.same(linted([...numbered, late], { ...TO_3, via }), ['any: none from 1.1.1']);
  const raised = numbered.map((each) => ({ ...each, release: each.release + 7 }));
  t.same(
    linted([...raised, late], { ...TO_3, via }),
    [],
    'the stone and the end are above it',
  );
  const [one, two, three, four] = raised as [Published, Published, Published, Published];
  const leap = [one, two, { ...three, floor: 12 }, four];
  t.same(
    linted(leap, { ...TO_3, via }),
    ['any: none from 1.0.0, 1.1.0, 2.0.0'],
    'one on the way',
  );
  t.end();
});

t.test('what is newer, or of another product, does not count', (t) => {
  const more = [
    { version: '3.1.0-dev.1' },
    { version: '4.0.0' },
    { version: '0.1.0', product: 'quantix-vdc' },
  ];
  const both = [stone('2.0.0', '<2.0.0'), stone('1.1.0', '<1.1.0')];
  t.same(linted([...OLD, ...more], { ...TO_3, via: both }), []);
  t.end();
});

t.test('a pre-release of the lowest version that may go is below it', (t) => {
  const all = [{ version: '2.0.0-dev.1' }, ...OLD.slice(2)];
  t.same(linted(all, TO_3), ['any: none from 2.0.0-dev.1']);
  t.end();
});

t.test('each architecture goes its own way', (t) => {
  const all: Published[] = [
    { version: '1.0.0', arch: 'x86_64' },
    { version: '1.5.0', arch: 'aarch64' },
    { version: '1.6.0' },
    { version: '2.0.0', arch: 'x86_64' },
    { version: '3.0.0', min: '2.0.0', arch: 'x86_64' },
    { version: '3.0.0', min: '1.6.0', arch: 'aarch64' },
  ];
  const manifests = { x86_64: id('3.0.0', 'x86_64'), aarch64: id('3.0.0', 'aarch64') };
  t.same(linted(all, { version: '3.0.0', manifests }), [
    'aarch64: none from 1.5.0',
    'x86_64: none from 1.0.0, 1.6.0',
  ]);
  const via = [
    { ...stone('2.0.0', '<2.0.0'), manifests: { x86_64: id('2.0.0', 'x86_64') } },
  ];
  t.same(
    linted(all, { version: '3.0.0', manifests, via }),
    ['aarch64: none from 1.5.0, 1.6.0'],
    'a stone that an architecture does not have is in its way',
  );
  t.end();
});

t.test('a step back names the newer versions whose floor is above it', (t) => {
  const all: Published[] = [
    { version: '1.0.0', release: 10 },
    { version: '1.1.0', release: 11, floor: 10 },
    { version: '1.2.0', release: 12, floor: 11 },
    { version: '1.3.0', release: 13, floor: 11 },
    { version: '2.0.0', release: 20, floor: 20, product: 'quantix-vdc' },
  ];
  const back = { version: '1.0.0', manifests: { any: id('1.0.0') } };
  const told = (pointer: Partial<Pointer>): string[] =>
    problemsOf(all, pointer).all.map(({ level, code, found }) =>
      [level, code, found].join(': '),
    );
  t.same(told({ ...back, rollback: true }), [
    'warning: rollback: a higher floor after 1.2.0, 1.3.0',
  ]);
  t.same(told(back), [], 'where no host goes back, there is nothing to say');
  const next = { version: '1.1.0', manifests: { any: id('1.1.0') } };
  t.same(told({ ...next, rollback: true }), [], 'a floor lets through what is on it');
  t.end();
});
