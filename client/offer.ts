import { removeTree } from './effects/durable.ts';
import { LIMITS } from './format/limits.ts';
import type { Manifest } from './format/manifest.ts';
import type { Descriptor } from './format/shapes.ts';
import { makeFolders, holdingsOf } from './install/store.ts';
import { readCurrent, releaseOf } from './install/generations.ts';
import { type Trusted } from './look.ts';
import { checkSpace, makePlan, type Plan } from './policy/plan.ts';
import { floorOf } from './policy/floor.ts';
import { checkPaused, refuseUnbuiltPointerPolicy } from './policy/pointer-policy.ts';
import {
  checkDirection,
  checkRelease,
  chooseManifest,
  type HostFacts,
} from './policy/release-policy.ts';
import { checkTurn } from './policy/rollout.ts';
import { checkManifest, readManifest, type WantedManifest } from './reader/manifest.ts';
import { firstAccepted } from './reader/mirrors.ts';
import type { Session } from './session.ts';
import { imageBytesHere, waitsForReboot } from './slots/pending.ts';
import { runningVersion } from './slots/system.ts';
import { hostId } from './state/host-id.ts';
import { manifestFile, readDocument, storeDocument } from './state/trust-store.ts';

/** What the channel has for this host. */
export type Offer =
  | { status: 'up-to-date' | 'reboot-pending'; version: string }
  | {
      status: 'available';
      version: string;
      installedVersion: string | undefined;
      channel: string;
      manifest: Manifest;
      /** SHA-256 of the manifest. */
      sha256: string;
      plan: Plan;
      /** Base URLs that the pointer names for objects, behind the configuration's own. */
      objectBases: string[];
    };

export type Available = Extract<Offer, { status: 'available' }>;

/**
 * Steps 7 to 10: may and should this host take what the pointer names, and what would that need. `now` does not
 * wait for the host's turn in a rollout.
 */
export async function makeOffer(
  session: Session,
  trusted: Trusted,
  { now = false } = {},
): Promise<Offer> {
  const { fx, config, layout } = session;
  const { pointer, root, where } = trusted;
  const { arch, descriptor } = chooseManifest(pointer.manifests, config.arch, where);
  const current = await readCurrent(fx.files, layout);
  if (current?.release?.manifest === descriptor.sha256) {
    return { status: 'up-to-date', version: pointer.version };
  }
  if (await waitsForReboot(session, trusted.state, descriptor.sha256))
    return { status: 'reboot-pending', version: pointer.version };

  // 7. Policy of the pointer.
  const running = config.profile.slots
    ? await runningVersion(fx.files, config)
    : undefined;
  const installedVersion =
    releaseOf(current)?.version ?? config.facts[config.product] ?? running;
  checkDirection(pointer, installedVersion, where);
  checkPaused(pointer, where);
  if (!now) await waitForTurn(session, trusted, descriptor.sha256);
  refuseUnbuiltPointerPolicy(pointer, where);

  // 8. The manifest.
  const want = {
    repository: pointer.repository,
    product: pointer.product,
    version: pointer.version,
    arch,
  };
  const manifest = await loadManifest(session, root, descriptor, want);

  // 9. Policy of the release.
  const floor = floorOf(trusted.state, root, pointer.product);
  const manifestWhere = `manifest of ${pointer.product} ${pointer.version}`;
  checkRelease(manifest, hostFacts(session, installedVersion, floor), manifestWhere);

  if (current === null && cameWith(manifest, running))
    return { status: 'up-to-date', version: pointer.version };

  // 10. What is needed, and whether there is room for it.
  const holdings = await holdingsOf(session, manifest.components);
  const imageBytes = await imageBytesHere(session, manifest.full_image);
  const plan = makePlan(manifest, { ...holdings, imageBytes });
  return {
    status: 'available',
    version: pointer.version,
    installedVersion,
    channel: pointer.channel,
    manifest,
    sha256: descriptor.sha256,
    plan,
    objectBases: pointer.objects ?? [],
  };
}

async function waitForTurn(
  { fx, config }: Session,
  { pointer, nowMs, where }: Trusted,
  release: string,
): Promise<void> {
  const { rollout } = pointer;
  if (rollout === undefined) return;
  const host = { id: await hostId(fx, config), groups: config.groups };
  checkTurn(rollout, release, host, nowMs, where);
}

/** The image that the appliance came with is not installed over again. */
function cameWith(
  { full_image: image, version, components }: Manifest,
  running: string | undefined,
): boolean {
  const baked = image?.components ?? {};
  return (
    image !== undefined &&
    version === running &&
    components.every((component) => baked[component.name] === component.version)
  );
}

/** QxError `disk` when the plan does not fit; makes the folders that it goes to. */
export async function ensureSpace(session: Session, plan: Plan): Promise<void> {
  await makeFolders(session);
  const { components } = session.layout;
  checkSpace(plan, await session.fx.files.freeBytes(components), components);
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
): HostFacts {
  const { arch, compatible, profile, allowPaths, allowServices, unbuilt } =
    session.config;
  return {
    arch,
    compatible,
    profile: profile.name,
    slots: profile.slots,
    allowPaths,
    allowServices,
    installedVersion,
    floor,
    unbuilt,
  };
}
