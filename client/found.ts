import { removeTree } from './effects/durable.ts';
import { LIMITS } from './format/limits.ts';
import type { Manifest } from './format/manifest.ts';
import type { Pointer } from './format/pointer.ts';
import type { Descriptor } from './format/shapes.ts';
import { type Generation, readCurrent, releaseOf } from './install/generations.ts';
import { holdingsOf } from './install/store.ts';
import type { Trusted } from './look.ts';
import { type Policy, releasePolicies, type Subject } from './policies.ts';
import type { KnownVersions } from './policy/dependencies.ts';
import { floorOf } from './policy/floor.ts';
import { makePlan, type Plan } from './policy/plan.ts';
import { nextStone, type SteppingStone } from './policy/via.ts';
import { chooseManifest, type HostFacts } from './policy/release-policy.ts';
import { checkManifest, readManifest, type WantedManifest } from './reader/manifest.ts';
import { firstAccepted } from './reader/mirrors.ts';
import { knownVersions } from './services/facts.ts';
import type { Session } from './session.ts';
import { imageBytesHere } from './slots/pending.ts';
import { runningVersion } from './slots/system.ts';
import { manifestFile, readDocument, storeDocument } from './state/trust-store.ts';

interface Target {
  descriptor: Descriptor;
  want: WantedManifest;
}

/** What a pointer's release is to this host, before anything was asked of it. */
export interface Found extends Subject {
  /** The pointer's own release, or the stepping stone on the way there. */
  target: Target;
  stone: SteppingStone | null;
  current: Generation | null;
  /** The version that the running system image says it is. */
  running: string | undefined;
}

/** QxError `not-for-host` where the release is not built for this architecture. */
export async function findRelease(
  { fx, config, layout }: Session,
  trusted: Trusted,
  now: boolean,
): Promise<Found> {
  const { pointer, where } = trusted;
  const { repository, product, version } = pointer;
  const targetOf = (to: Pick<Pointer, 'version' | 'manifests'>): Target => {
    const { arch, descriptor } = chooseManifest(to.manifests, config.arch, where);
    return { descriptor, want: { repository, product, version: to.version, arch } };
  };
  const own = targetOf({ version, manifests: pointer.manifests });
  const current = await readCurrent(fx.files, layout);
  const running = config.profile.slots
    ? await runningVersion(fx.files, config)
    : undefined;
  const installedVersion =
    releaseOf(current)?.version ?? config.facts[config.product] ?? running;
  const stone = nextStone(pointer, installedVersion);
  const target = stone === null ? own : targetOf(stone);
  const release = own.descriptor.sha256;
  return { trusted, now, release, target, stone, current, running, installedVersion };
}

/** Step 8. */
export function manifestOf(
  session: Session,
  { trusted: { root }, target: { descriptor, want } }: Found,
): Promise<Manifest> {
  return loadManifest(session, root, descriptor, want);
}

/** Step 9, with what this host knows of itself and of others. */
export async function releasePoliciesOf(
  session: Session,
  { trusted, current, installedVersion }: Found,
  manifest: Manifest,
): Promise<Policy[]> {
  const { fx, config } = session;
  const { product } = trusted.pointer;
  const components = current?.entries ?? [];
  const installed = { version: installedVersion, components };
  const known = await knownVersions(fx, config, manifest, installed);
  const floor = floorOf(trusted.state, trusted.root, product);
  const host = hostFacts(session, installedVersion, floor, known);
  return releasePolicies(manifest, host, `manifest of ${product} ${manifest.version}`);
}

/** Step 10. */
export async function planOf(session: Session, manifest: Manifest): Promise<Plan> {
  const holdings = await holdingsOf(session, manifest.components);
  const imageBytes = await imageBytesHere(session, manifest.full_image);
  return makePlan(manifest, { ...holdings, imageBytes });
}

/** The manifest that was verified by an earlier run, verified again, or the one of the tree. */
async function loadManifest(
  session: Session,
  root: Trusted['root'],
  descriptor: Descriptor,
  want: WantedManifest,
): Promise<Manifest> {
  const { fx, config, mirrors, signal } = session;
  const path = manifestFile(config.stateDir, descriptor.sha256);
  const stored = await readDocument(fx.files, path, LIMITS.manifestBytes);
  if (stored !== null) {
    try {
      return checkManifest(
        root,
        descriptor,
        want,
        stored.bytes,
        stored.blocks,
        `${path}.json`,
      );
    } catch {
      // A copy that does not hold any more is fetched anew.
    }
  }
  const fetched = await firstAccepted(mirrors, (source) =>
    readManifest(source, root, descriptor, want, signal),
  );
  // One is kept: the next pointer names another.
  await removeTree(fx.files, `${config.stateDir}/manifests`);
  await storeDocument(fx.files, path, fetched);
  return fetched.manifest;
}

function hostFacts(
  session: Session,
  installedVersion: string | undefined,
  floor: number,
  known: KnownVersions,
): HostFacts {
  const { arch, compatible, profile, allowPaths, allowServices } = session.config;
  return {
    arch,
    compatible,
    profile: profile.name,
    slots: profile.slots,
    allowPaths,
    allowServices,
    installedVersion,
    floor,
    known,
  };
}
