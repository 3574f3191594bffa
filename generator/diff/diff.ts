import {
  type Component,
  type Manifest,
  type Source,
  modeOf,
} from '../../client/format/manifest.ts';
import type { Descriptor } from '../../client/format/shapes.ts';
import { isReadable } from '../check/wanted-objects.ts';

/** What happened to a component, or to the system image, between two releases. Sizes in bytes. */
export interface ComponentChange {
  name: string;
  change: 'added' | 'removed' | 'changed' | 'unchanged';
  before: { version: string; size: number } | null;
  after: { version: string; size: number } | null;
  /** Fields that differ although they are not its content: where it goes, what is restarted. */
  settings: string[];
  /** What a host on the older release downloads for it. */
  downloadBytes: number;
}

export interface ReleaseDiff {
  components: ComponentChange[];
  /** What a host on the older release downloads. */
  downloadBytes: number;
  /** What a host that has nothing downloads. */
  fullBytes: number;
}

/** A component or a system image, as far as they are the same. */
interface Part {
  name: string;
  version: string;
  content: Descriptor;
  sources: Source[];
  component: Component | null;
}

const SETTINGS = [
  'kind',
  'install_path',
  'permissions',
  'restart_service',
  'backup_before_update',
  'order',
  'health',
  'hooks',
] as const;

/** Two releases of a product for one architecture, by component. A content that a host has is not fetched again. */
export function diffReleases(older: Manifest, newer: Manifest): ReleaseDiff {
  const before = new Map(partsOf(older).map((part) => [part.name, part]));
  const after = partsOf(newer);
  const held = new Set([...before.values()].map(storedAs));
  const fetched = new Set<string>();
  const components = after.map((part) => ({
    ...comparePart(before.get(part.name), part),
    downloadBytes: downloadOf(part, held, fetched),
  }));
  const names = new Set(after.map(({ name }) => name));
  const removed = [...before.values()].filter(({ name }) => !names.has(name));
  const everything = new Set<string>();
  return {
    components: [...components, ...removed.map(removedPart)],
    downloadBytes: sum(components.map(({ downloadBytes }) => downloadBytes)),
    fullBytes: sum(after.map((part) => downloadOf(part, new Set(), everything))),
  };
}

function partsOf(manifest: Manifest): Part[] {
  const parts = manifest.components.map((component): Part => {
    const { name, version, content, sources } = component;
    return { name, version, content, sources, component };
  });
  const image = manifest.full_image;
  if (image === undefined) return parts;
  const { content, sources } = image;
  const { version } = manifest;
  return [
    ...parts,
    { name: '(system image)', version, content, sources, component: null },
  ];
}

/** A host stores a file by its content and its mode, a folder by its content. */
function storedAs({ content, component }: Part): string {
  if (component === null) return `${content.sha256} image`;
  const form = component.kind === 'directory' ? 'tree' : `${modeOf(component)}`;
  return `${content.sha256} ${form}`;
}

/** The smallest source that a host reads, unless it has the content or fetches the same object already. */
function downloadOf(part: Part, held: ReadonlySet<string>, fetched: Set<string>): number {
  if (held.has(storedAs(part))) return 0;
  const [best] = part.sources.filter(isReadable).sort((a, b) => a.size - b.size);
  if (best === undefined || fetched.has(best.sha256)) return 0;
  fetched.add(best.sha256);
  return best.size;
}

function comparePart(
  before: Part | undefined,
  after: Part,
): Omit<ComponentChange, 'downloadBytes'> {
  const { name } = after;
  if (before === undefined)
    return { name, change: 'added', before: null, after: sizeOf(after), settings: [] };
  const same = before.content.sha256 === after.content.sha256;
  return {
    name,
    change: same ? 'unchanged' : 'changed',
    before: sizeOf(before),
    after: sizeOf(after),
    settings: changedSettings(before.component, after.component),
  };
}

function removedPart(part: Part): ComponentChange {
  return {
    name: part.name,
    change: 'removed',
    before: sizeOf(part),
    after: null,
    settings: [],
    downloadBytes: 0,
  };
}

function changedSettings(before: Component | null, after: Component | null): string[] {
  if (before === null || after === null) return [];
  return SETTINGS.filter(
    (field) => JSON.stringify(before[field]) !== JSON.stringify(after[field]),
  );
}

function sizeOf({ version, content }: Part): { version: string; size: number } {
  return { version, size: content.size };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
