import type { InstalledRelease } from './format/installed-release.ts';
import type { Manifest } from './format/manifest.ts';
import { findRelease, manifestOf, planOf, releasePoliciesOf } from './found.ts';
import { unlessBroken } from './install/generations.ts';
import { makeFolders } from './install/store.ts';
import type { Trusted } from './look.ts';
import { checkAll, pointerPolicies } from './policies.ts';
import { checkSpace, type Plan } from './policy/plan.ts';
import type { Session } from './session.ts';
import { waitsForReboot } from './slots/pending.ts';
import { raiseFloor } from './traces.ts';

/** What the channel has for this host. */
export type Offer =
  | { status: 'up-to-date' | 'reboot-pending'; version: string }
  | {
      status: 'available';
      version: string;
      /** The pointer's release, where this one is a stepping stone on the way there. */
      onTheWayTo: string | undefined;
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
  const found = await findRelease(session, trusted, now);
  const { current, installedVersion, release, target, stone } = found;
  const { pointer } = trusted;
  if (current?.release?.manifest === release) {
    await relearnFloor(session, trusted, current.release, () =>
      manifestOf(session, found),
    );
    return { status: 'up-to-date', version: pointer.version };
  }
  const { sha256 } = target.descriptor;
  if (await waitsForReboot(session, trusted.state, sha256))
    return { status: 'reboot-pending', version: target.want.version };

  // 7. Policy of the pointer. A stone waits for the turn of what it leads to.
  await checkAll(pointerPolicies(session, found));

  // 8. The manifest.
  const manifest = await manifestOf(session, found);

  // 9. Policy of the release.
  await checkAll(await releasePoliciesOf(session, found, manifest));

  if (current === null && cameWith(manifest, found.running))
    return { status: 'up-to-date', version: pointer.version };

  // 10. What is needed, and whether there is room for it.
  return {
    status: 'available',
    version: manifest.version,
    onTheWayTo: stone === null ? undefined : pointer.version,
    installedVersion,
    channel: pointer.channel,
    manifest,
    sha256,
    plan: await planOf(session, manifest),
    objectBases: pointer.objects ?? [],
  };
}

/** A floor that was forgotten with a key counts again when today's root vouches for the release that brought it. */
async function relearnFloor(
  session: Session,
  { state, root }: Trusted,
  release: InstalledRelease,
  load: () => Promise<Manifest>,
): Promise<void> {
  const learned = state.repositories[root.repository]?.floors[release.product] ?? 0;
  if ((release.floor ?? 0) <= learned) return;
  if ((await unlessBroken(load())) !== null) await raiseFloor(session, release);
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
