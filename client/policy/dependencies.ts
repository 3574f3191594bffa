import gte from 'semver/functions/gte.js';
import { QxError } from '../format/error.ts';
import type { Manifest } from '../format/manifest.ts';

/** Step 9: what else has to be here, or elsewhere, before this release may come. */

export type Dependency = NonNullable<Manifest['dependencies']>[number];

/** Versions by name, where anything knows them; for products also why nothing does. */
export interface KnownVersions {
  components: ReadonlyMap<string, string>;
  products: ReadonlyMap<string, string>;
  unknown: ReadonlyMap<string, string>;
}

export type Standing = 'met' | 'unmet' | 'unknown';

/** How a dependency stands. Of a component that the release brings itself, the version that it brings counts. */
export function standingOf(
  dependency: Dependency,
  manifest: Manifest,
  known: KnownVersions,
): { standing: Standing; found: string | undefined } {
  const { product, component = '', min_version } = dependency;
  const found =
    product === undefined
      ? (broughtBy(manifest, component) ?? known.components.get(component))
      : known.products.get(product);
  if (found === undefined) return { standing: 'unknown', found };
  return { standing: gte(found, min_version) ? 'met' : 'unmet', found };
}

function broughtBy(
  { components, full_image: image }: Manifest,
  name: string,
): string | undefined {
  const component = components.find((each) => each.name === name);
  return component?.version ?? image?.components?.[name];
}

/** QxError `not-for-host` for one that is not met, `deferred` for one of which nothing is known. */
export function checkDependencies(
  manifest: Manifest,
  known: KnownVersions,
  where: string,
): void {
  for (const dependency of manifest.dependencies ?? []) {
    const { standing, found } = standingOf(dependency, manifest, known);
    if (standing === 'met') continue;
    const name = dependency.product ?? dependency.component ?? '';
    const expected = `${name} ${dependency.min_version} or later`;
    throw standing === 'unmet'
      ? new QxError('not-for-host', `dependency: the release needs a newer ${name}`, {
          where,
          expected,
          found,
          hint: `update ${name} first; this release comes by itself then`,
        })
      : new QxError('deferred', `dependency: nothing knows which ${name} there is`, {
          where,
          expected,
          found: known.unknown.get(name) ?? 'no version is known here',
          hint: hintFor(dependency),
        });
  }
}

function hintFor({ product, component = '' }: Dependency): string {
  const fact = `[facts] ${product ?? component} = "…" in update.toml says it`;
  return product === undefined
    ? fact
    : `${fact}, or a program update/hooks.d/facts/${product}`;
}
