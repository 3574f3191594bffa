import t from 'tap';
import type { Manifest } from '../../../client/format/manifest.ts';
import {
  checkDependencies,
  type Dependency,
  type KnownVersions,
  standingOf,
} from '../../../client/policy/dependencies.ts';
import { refusal } from '../../support/refusal.ts';

const KNOWN: KnownVersions = {
  components: new Map([
    ['agent', '1.4.0'],
    ['console', '1.0.0'],
  ]),
  products: new Map([['quantix-vdc', '2.3.0']]),
  unknown: new Map([['other', 'hooks.d/facts/other ended with 1: away']]),
};

/** A release that brings console 2.0.0 itself, and node 3.0.0 in its image. */
const BRINGS = {
  components: [{ name: 'console', version: '2.0.0' }],
  full_image: { components: { node: '3.0.0' } },
} as unknown as Manifest;

const component = (name: string, min_version: string): Dependency => ({
  component: name,
  min_version,
});
const product = (name: string, min_version: string): Dependency => ({
  product: name,
  min_version,
});

t.test('a dependency is met, not met, or nothing knows', (t) => {
  for (const [
    reason,
    dependency,
    standing,
    found,
  ] of [
    ['an installed component', component('agent', '1.4.0'), 'met', '1.4.0'],
    ['an older one', component('agent', '1.4.1'), 'unmet', '1.4.0'],
    ['one before the release', component('agent', '1.4.0-rc.1'), 'met', '1.4.0'],
    ['one that the release brings', component('console', '2.0.0'), 'met', '2.0.0'],
    ['one that it does not bring new enough', component('console', '2.0.1'), 'unmet', '2.0.0'],
    ['one in its image', component('node', '3.0.0'), 'met', '3.0.0'],
    ['one that is nowhere', component('nothing', '0.0.1'), 'unknown', undefined],
    ['another product', product('quantix-vdc', '2.3.0'), 'met', '2.3.0'],
    ['an older product', product('quantix-vdc', '2.10.0'), 'unmet', '2.3.0'],
    ['a product that nothing knows', product('other', '0.0.1'), 'unknown', undefined],
    ['a product is no component', product('agent', '1.0.0'), 'unknown', undefined],
  ] as const /* prettier-ignore */)
    t.same(standingOf(dependency, BRINGS, KNOWN), { standing, found }, reason);
  t.end();
});

t.test('the first that is not met refuses, and says what to do', (t) => {
  const ask = (...dependencies: Dependency[]) =>
    refusal(() => checkDependencies({ ...BRINGS, dependencies }, KNOWN, 'the manifest'));
  const met = component('agent', '1.0.0');
  t.match(ask(met, product('quantix-vdc', '2.4.0')), {
    exitCode: 25,
    where: 'the manifest',
    expected: 'quantix-vdc 2.4.0 or later',
    found: '2.3.0',
    hint: /update quantix-vdc first/,
  });
  t.match(ask(met, product('other', '1.0.0')), {
    exitCode: 75,
    message: /^dependency: /,
    found: /facts\/other ended with 1: away/,
    hint: /\[facts\] other = .*hooks\.d\/facts\/other/,
  });
  t.match(ask(component('nothing', '1.0.0')), { exitCode: 75, found: /no version/ });
  t.doesNotThrow(() => checkDependencies({ ...BRINGS, dependencies: [met] }, KNOWN, ''));
  t.doesNotThrow(() => checkDependencies(BRINGS, KNOWN, ''));
  t.end();
});
