import { formatTime } from '../format/time.ts';
import { belowRoot } from '../config/load.ts';
import type { InstalledRelease, KeptAttachment } from '../format/installed-release.ts';
import { LIMITS } from '../format/limits.ts';
import type { Attachment, Component, Manifest } from '../format/manifest.ts';
import type { Plan } from '../policy/plan.ts';
import type { Session } from '../session.ts';
import { runningSystem } from '../slots/system.ts';
import { readTrustedRoot } from '../state/trust-store.ts';
import { type InstallPath, putLink, setAside, standing, tidyUp } from './adopt.ts';
import {
  type Generation,
  type GenerationEntry,
  nextGenerationNumber,
  readCurrent,
  releaseOf,
  switchCurrent,
  writeGeneration,
} from './generations.ts';
import { storeName } from './layout.ts';
import { storeContent } from './store.ts';
import { toldVersion } from './version-files.ts';

/** A release that was checked and whose objects are staged or stored. */
export interface Installable {
  manifest: Manifest;
  /** SHA-256 of the manifest's bytes. */
  sha256: string;
  channel: string;
  plan: Plan;
}

/** One that a release made, not what stood there before. */
type ReleaseGeneration = Generation & Required<Pick<Generation, 'release'>>;

/** What a release is put on: the system that it goes with, and the generation whose other entries stay. */
export interface Base {
  system: string | null;
  before: Generation | null;
}

/**
 * Step 12, up to the switch, in this order:
 *
 *   contents into the store → what stands at install paths adopted as a generation of its own →
 *   links at all install paths → the release as a generation
 *
 * Adopting changes what an install path is, not what it holds, so that the switch (transaction.ts) is the only
 * moment at which a program can see something new, and it sees all of it. Every step may be cut off and is
 * done again by the next run.
 */
export async function prepareRelease(
  session: Session,
  release: Installable,
  baseOf: (session: Session) => Promise<Base> = currentBase,
): Promise<ReleaseGeneration> {
  const { fx, layout, signal } = session;
  const done = new Set<string>();
  for (const step of release.plan.steps) {
    const name = storeName(step.component);
    if (step.need !== 'installed' && !done.has(name)) await storeContent(session, step);
    done.add(name);
  }
  signal.throwIfAborted();
  await prepareLinks(session, release.manifest.components);
  const generation = await releaseGeneration(session, release, await baseOf(session));
  await writeGeneration(fx.files, layout, generation);
  signal.throwIfAborted();
  return generation;
}

/** Every install path a link of ours, what stood there set aside. */
export async function prepareLinks(
  session: Session,
  components: readonly { name: string; install_path: string }[],
): Promise<void> {
  const places = components.map((component) => placeOf(session, component));
  await adopt(session, places);
  await linkAll(session, places);
}

export function placeOf(
  { config }: Pick<Session, 'config'>,
  component: { name: string; install_path: string },
): InstallPath {
  const path = component.install_path;
  return { name: component.name, path, real: belowRoot(config.root, path) };
}

/** Sets aside what the appliance came with and makes it the current generation, links not yet in place. */
async function adopt(session: Session, places: InstallPath[]): Promise<void> {
  const { fx, layout } = session;
  const foreign: InstallPath[] = [];
  for (const place of places) {
    if ((await standing(fx.files, layout, place)) === 'foreign') foreign.push(place);
  }
  if (foreign.length === 0) return;
  const number = await nextGenerationNumber(fx.files, layout);
  const entries: GenerationEntry[] = [];
  for (const place of foreign) {
    const told = await toldVersion(session, place.name);
    entries.push({ ...(await setAside(fx.files, layout, number, place)), ...told });
  }
  const { system, before } = await currentBase(session);
  const was = releaseOf(before);
  await writeGeneration(fx.files, layout, {
    type: 'generation',
    format: 1,
    generation: number,
    installed: formatTime(fx.clock.now()),
    ...previousOf(before),
    ...(system === null ? {} : { system }),
    entries: withEntries(before, entries),
    // Not `release`: the host is no longer on it as a whole, so the next run installs it again.
    ...(was === undefined ? {} : { was }),
  });
  await switchCurrent(fx.files, layout, number);
}

async function linkAll(session: Session, places: InstallPath[]): Promise<void> {
  const { fx, layout } = session;
  for (const place of places) {
    if ((await standing(fx.files, layout, place)) === 'ours')
      await tidyUp(fx.files, place);
    else await putLink(fx.files, layout, place);
  }
}

/** The base as it is when everything has been adopted: components that a release does not name stay. */
export async function currentBase(session: Session): Promise<Base> {
  const { fx, layout } = session;
  return {
    system: await runningSystem(session),
    before: await readCurrent(fx.files, layout),
  };
}

async function releaseGeneration(
  session: Session,
  release: Installable,
  { system, before }: Base,
): Promise<ReleaseGeneration> {
  const { fx, layout, config } = session;
  const { trusted } = await readTrustedRoot(fx.files, config.stateDir, config.trustRoot);
  return {
    type: 'generation',
    format: 1,
    generation: await nextGenerationNumber(fx.files, layout),
    installed: formatTime(fx.clock.now()),
    ...previousOf(before),
    ...(system === null ? {} : { system }),
    release: { ...asInstalled(release), root: trusted.version },
    entries: withEntries(before, release.manifest.components.map(entryFor)),
  };
}

/** What is remembered of a release. */
export function asInstalled({
  manifest,
  sha256,
  channel,
}: Installable): InstalledRelease {
  const { repository, product, version, release, floor, attachments } = manifest;
  return {
    ...{ repository, product, channel, version, release, manifest: sha256 },
    ...(floor === undefined ? {} : { floor }),
    ...(attachments === undefined ? {} : { attachments: attachments.map(asKept) }),
  };
}

/** A media type of a length that nobody registered is not worth its room. */
function asKept({ name, media_type: type, content }: Attachment): KeptAttachment {
  const isKept = type !== undefined && type.length <= LIMITS.mediaTypeCharacters;
  return { name, ...(isKept ? { media_type: type } : {}), ...content };
}

function previousOf(before: Generation | null): Pick<Generation, 'previous'> {
  return before === null ? {} : { previous: before.generation };
}

function entryFor(component: Component): GenerationEntry {
  const { name, version, install_path, kind, content } = component;
  const { restart_service, order, health } = component;
  return {
    name,
    version,
    install_path,
    kind,
    content: content.sha256,
    target: `../../store/${storeName(component)}`,
    ...(restart_service === undefined ? {} : { restart_service }),
    ...(order === undefined ? {} : { order }),
    ...(health === undefined ? {} : { health }),
  };
}

function withEntries(
  before: Generation | null,
  entries: GenerationEntry[],
): GenerationEntry[] {
  const named = new Set(entries.map((entry) => entry.name));
  const kept = (before?.entries ?? []).filter((entry) => !named.has(entry.name));
  return [...kept, ...entries].sort((a, b) => (a.name < b.name ? -1 : 1));
}
