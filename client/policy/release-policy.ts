import gte from 'semver/functions/gte.js';
import { QxError } from '../format/error.ts';
import type { Component, Manifest } from '../format/manifest.ts';
import { checkDependencies, type KnownVersions } from './dependencies.ts';
import { checkHealth } from './health-policy.ts';
import type { Pointer } from '../format/pointer.ts';
import type { Descriptor } from '../format/shapes.ts';

/** Step 9 and what step 7 asks of versions: may this release be installed on this host? All pure. */

export interface HostFacts {
  arch: string;
  compatible: string;
  profile: string;
  slots: boolean;
  allowPaths: readonly string[];
  allowServices: readonly string[];
  /** Version of the product that runs here, where anything knows it. */
  installedVersion: string | undefined;
  /** Lowest release number that is still accepted. */
  floor: number;
  /** For dependencies. */
  known: KnownVersions;
}

/** The host's own manifest of a pointer: its architecture's, else the one for all. QxError `not-for-host`. */
export function chooseManifest(
  manifests: Readonly<Record<string, Descriptor>>,
  arch: string,
  where: string,
): { arch: string; descriptor: Descriptor } {
  for (const key of [arch, 'any']) {
    const descriptor = Object.hasOwn(manifests, key) ? manifests[key] : undefined;
    if (descriptor !== undefined) return { arch: key, descriptor };
  }
  throw new QxError('not-for-host', 'the release is not built for this architecture', {
    where,
    expected: arch,
    found: Object.keys(manifests).join(', '),
    hint: 'the publisher adds one with "qx-repo generate --arch"',
  });
}

/** A lower version only with the pointer's signed `rollback: true`. QxError `rollback`. */
export function checkDirection(
  pointer: Pointer,
  installed: string | undefined,
  where: string,
): void {
  if (installed === undefined || pointer.rollback === true) return;
  if (gte(pointer.version, installed)) return;
  throw new QxError(
    'rollback',
    'the channel points to an older version than the one installed',
    {
      where,
      expected: `${installed} or later`,
      found: pointer.version,
      hint: 'a deliberate step back is published with "rollback": true in the pointer',
    },
  );
}

type ReleaseCheck = (manifest: Manifest, host: HostFacts, where: string) => void;

/** Everything that the manifest asks of a host, by name and in this order. */
export const RELEASE_CHECKS: Readonly<Record<string, ReleaseCheck>> = {
  floor: checkFloor,
  compatible: checkCompatible,
  min_version: checkMinVersion,
  dependencies: (manifest, { known }, where) => checkDependencies(manifest, known, where),
  full_image: refuseImage,
  components: checkComponents,
};

/** All of them, before anything is downloaded. */
export function checkRelease(manifest: Manifest, host: HostFacts, where: string): void {
  for (const check of Object.values(RELEASE_CHECKS)) check(manifest, host, where);
}

function checkFloor(manifest: Manifest, host: HostFacts, where: string): void {
  if (manifest.release >= host.floor) return;
  throw new QxError('rollback', 'the release is below the floor of this host', {
    where,
    expected: `release ${host.floor} or higher`,
    found: `release ${manifest.release} (${manifest.version})`,
    hint: 'a floor shuts out releases with known holes and cannot be lowered',
  });
}

function checkCompatible(manifest: Manifest, host: HostFacts, where: string): void {
  if (manifest.compatible === undefined || manifest.compatible === host.compatible)
    return;
  throw new QxError('not-for-host', 'the release is for another kind of machine', {
    where,
    expected: `compatible "${host.compatible}"`,
    found: `compatible "${manifest.compatible}"`,
  });
}

/** Whether a host that runs this version may take the release without one in between. */
export function admits(
  { min_version: minimum }: Pick<Manifest, 'min_version'>,
  installed: string | undefined,
): boolean {
  return minimum === undefined || (installed !== undefined && gte(installed, minimum));
}

function checkMinVersion(manifest: Manifest, host: HostFacts, where: string): void {
  const { min_version: minimum = '', product } = manifest;
  if (admits(manifest, host.installedVersion)) return;
  throw new QxError(
    'not-for-host',
    'the release needs a newer version than the one installed',
    {
      where,
      expected: `${product} ${minimum} or later`,
      found: host.installedVersion ?? 'no version is known here',
      hint:
        host.installedVersion === undefined
          ? `say what runs here: [facts] ${product} = "…" in update.toml`
          : 'the publisher has named no release in between for it ("via"); install one first',
    },
  );
}

function refuseImage(manifest: Manifest, host: HostFacts, where: string): void {
  if (manifest.full_image === undefined || host.slots) return;
  throw new QxError(
    'config',
    'the release holds a system image, which this host cannot install',
    {
      where,
      found: 'full_image',
      hint: `profile "${host.profile}" has no slots for system images`,
    },
  );
}

function checkComponents({ components }: Manifest, host: HostFacts, where: string): void {
  for (const component of components) checkComponent(component, host, where);
}

function checkComponent(component: Component, host: HostFacts, where: string): void {
  if (!isAllowedPath(component.install_path, host.allowPaths)) {
    throw notAllowed(
      'install path',
      component,
      component.install_path,
      'allow_paths',
      host.allowPaths,
      where,
    );
  }
  checkService(component, component.restart_service, host, where);
  for (const service of checkHealth(component, where)) {
    checkService(component, service, host, where);
  }
}

function checkService(
  component: Component,
  service: string | undefined,
  host: HostFacts,
  where: string,
): void {
  const { allowServices } = host;
  if (service === undefined || allowServices.includes(service)) return;
  throw notAllowed('service', component, service, 'allow_services', allowServices, where);
}

/** An entry allows exactly that path, or, when it ends in "/", everything below it. */
export function isAllowedPath(path: string, allowed: readonly string[]): boolean {
  return allowed.some((entry) =>
    entry.endsWith('/') ? path.startsWith(entry) : path === entry,
  );
}

function notAllowed(
  what: string,
  component: Component,
  value: string,
  key: string,
  allowed: readonly string[],
  where: string,
): QxError {
  return new QxError(
    'not-for-host',
    `${component.name}: this host does not allow that ${what}`,
    {
      where,
      expected:
        allowed.length === 0 ? 'none is allowed here' : `one of ${allowed.join(', ')}`,
      found: value,
      hint: `to allow it, add it to ${key} in update.toml`,
    },
  );
}
