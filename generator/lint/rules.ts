import type { Component } from '../../client/format/manifest.ts';
import { objectPath, pointerPath, rootPath } from '../../client/format/tree.ts';
import { formatBytes, formatDuration } from '../../client/terminal/text.ts';
import { unnamedObjects } from '../check/all-objects.ts';
import { isInLastThird } from '../check/life.ts';
import type { Problems } from '../check/problems.ts';
import type { Survey } from '../check/survey.ts';
import type { WantedObject } from '../check/wanted-objects.ts';
import type { ComponentDefaults, WorkspaceConfig } from '../workspace/config.ts';

/** Rules over what was read: pure, each adds what it finds. */

const DAY_MS = 86_400_000;

/** A third of a life is what there is to notice that nobody renews. */
export function lintLife(
  { root, pointers }: Survey,
  rootDays: number,
  nowMs: number,
  problems: Problems,
): void {
  const warn = (what: string, where: string, expires: string, hint: string): void => {
    const left = formatDuration(Date.parse(expires) - nowMs);
    const details = {
      where,
      expected: 'more than a third of its life',
      found: `${left} left, until ${expires}`,
      hint,
    };
    problems.warn('stale', `${what} is close to its expiry`, details);
  };
  const rootBorn = Date.parse(root.expires) - rootDays * DAY_MS;
  if (isInLastThird(rootBorn, root.expires, nowMs))
    warn(
      'the trust root',
      rootPath(root.version),
      root.expires,
      'publish a new root version',
    );
  for (const { pointer } of pointers) {
    const { product, channel, issued, expires } = pointer;
    if (isInLastThird(Date.parse(issued), expires, nowMs))
      warn('the pointer', pointerPath(product, channel), expires, 'qx-repo sign');
  }
}

/** People and pages look releases up by version. */
export function lintPages({ pointers, pages }: Survey, problems: Problems): void {
  for (const { pointer } of pointers) {
    const { product, channel, version } = pointer;
    const listed = pages.some(
      ({ page }) =>
        page.product === product && page.releases.some((row) => row.version === version),
    );
    if (listed) continue;
    problems.error(
      'malformed',
      'a channel points to a version that no release page lists',
      {
        where: pointerPath(product, channel),
        found: `${product} ${version}`,
        hint: 'any publishing command brings the pages up to date',
      },
    );
  }
}

const MiB = 1024 * 1024;
/** GitHub Pages refuses larger files, and sites of more than a gigabyte. */
const PAGES_FILE_BYTES_MAX = 100 * MiB;
const PAGES_SITE_BYTES_MAX = 1_000_000_000;

export function lintSizes(
  wanted: ReadonlyMap<string, WantedObject>,
  problems: Problems,
): void {
  let total = 0;
  for (const { descriptor } of wanted.values()) {
    const { sha256, size } = descriptor;
    total += size;
    if (size <= PAGES_FILE_BYTES_MAX) continue;
    problems.warn('malformed', 'an object that GitHub Pages would refuse', {
      where: objectPath(sha256),
      expected: '100 MiB at the most',
      found: formatBytes(size),
      hint: 'any other web server takes it; or name a second place in the pointer ("objects")',
    });
  }
  if (total <= PAGES_SITE_BYTES_MAX) return;
  problems.warn('malformed', 'a tree that is too large for GitHub Pages', {
    where: 'objects/',
    expected: '1 GB at the most',
    found: formatBytes(total),
  });
}

export function lintUnreferenced(
  { files }: Survey,
  wanted: ReadonlyMap<string, WantedObject>,
  problems: Problems,
): void {
  for (const { descriptor } of unnamedObjects(files ?? [], wanted)) {
    problems.info('an object that no release names', {
      where: objectPath(descriptor.sha256),
      found: formatBytes(descriptor.size),
    });
  }
}

const SETTINGS = ['kind', 'install_path', 'permissions', 'restart_service'] as const;

/** What channels point to now, held against quantix-repo.toml. */
export function lintSettings(
  { manifests }: Survey,
  config: WorkspaceConfig,
  problems: Problems,
): void {
  for (const { manifest, current } of manifests) {
    const defaults = config.products[manifest.product]?.components ?? {};
    if (!current || Object.keys(defaults).length === 0) continue;
    for (const component of manifest.components) {
      const where = `${manifest.product} ${manifest.version} ${component.name}`;
      const wanted = defaults[component.name];
      if (wanted === undefined)
        problems.info('a component that quantix-repo.toml does not know', { where });
      else compareSettings(component, wanted, where, problems);
    }
  }
}

function compareSettings(
  component: Component,
  wanted: ComponentDefaults,
  where: string,
  problems: Problems,
): void {
  for (const field of SETTINGS) {
    if (component[field] === wanted[field] || wanted[field] === undefined) continue;
    problems.warn('config', `${field} is not what quantix-repo.toml says`, {
      where,
      expected: wanted[field],
      found: component[field] ?? 'nothing',
      hint: 'hosts refuse paths and services that their own configuration does not allow',
    });
  }
}

/** The root key is for the safe: what signs every day must not be able to replace itself. */
export function lintRoles({ root }: Survey, problems: Problems): void {
  const rootKeys = new Set(root.roles.root?.keys);
  for (const [role, { keys }] of Object.entries(root.roles)) {
    const shared = keys.filter((id) => rootKeys.has(id));
    if (role === 'root' || shared.length === 0) continue;
    problems.warn('config', `a root key also signs for the role "${role}"`, {
      where: rootPath(root.version),
      found: shared.join(', '),
      hint: 'who steals it from a CI job can replace the trust root: keep the root key offline',
    });
  }
}

/** Root 1 was made of this table; what it says later is nothing but a hint to people, which must not mislead them. */
export function lintSigning(
  { root }: Survey,
  { signing }: WorkspaceConfig,
  names: ReadonlyMap<string, string>,
  problems: Problems,
): void {
  for (const [id, name] of names) {
    for (const [role, named] of Object.entries(signing)) {
      const listed = root.roles[role]?.keys ?? [];
      if (!named.includes(name) || listed.includes(id)) continue;
      problems.warn(
        'config',
        'quantix-repo.toml names a key that the trust root does not',
        {
          where: `[signing] ${role}`,
          expected: `keys of root ${root.version}: ${listed.join(', ') || 'no such role'}`,
          found: `${name} (${id})`,
          hint: 'the trust root decides, and keys are found in keys/ by their ids: take the name out',
        },
      );
    }
  }
}
