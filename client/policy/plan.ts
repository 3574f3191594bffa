import { QxError } from '../format/error.ts';
import type { Component, FullImage, Manifest, Source } from '../format/manifest.ts';

/** Step 10, pure: what must be obtained, and from where. */

export type Encoding = 'identity' | 'br';

export interface FullSource extends Source {
  encoding: Encoding;
}

/** What is on the disk already. */
export interface Holdings {
  /** Components whose exact store entry exists, by name. */
  stored: ReadonlySet<string>;
  /** Objects that are staged whole, by digest. */
  staged: ReadonlySet<string>;
  /** Bytes that have arrived of objects that are not whole, by digest. */
  partial: ReadonlyMap<string, number>;
  /** Bytes of the system image that the other slot has already. */
  imageBytes: number;
}

export interface PlanStep {
  component: Component;
  /** `installed`: the store has it. `staged`: its object is here. `download`: its object must be fetched. */
  need: 'installed' | 'staged' | 'download';
  source: FullSource;
  /** Still to come over the network. */
  downloadBytes: number;
}

/** The system image, which goes straight into its slot. */
export interface ImageStep {
  image: FullImage;
  source: FullSource;
  downloadBytes: number;
}

export interface Plan {
  steps: PlanStep[];
  image: ImageStep | null;
  downloadBytes: number;
  /** What staging and store will grow by until the install is done. */
  diskBytes: number;
}

const KNOWN_ENCODINGS: readonly string[] = ['identity', 'br'] satisfies Encoding[];

export function makePlan(manifest: Manifest, holdings: Holdings): Plan {
  const fetched = new Set<string>();
  const where = `manifest of ${manifest.product} ${manifest.version}`;
  const steps = manifest.components.map((component): PlanStep => {
    const source = chooseSource(component, where);
    const step = { component, source, downloadBytes: 0 };
    if (holdings.stored.has(component.name)) return { ...step, need: 'installed' };
    if (holdings.staged.has(source.sha256)) return { ...step, need: 'staged' };
    const here = fetched.has(source.sha256)
      ? source.size
      : holdings.partial.get(source.sha256);
    fetched.add(source.sha256);
    return {
      ...step,
      need: 'download',
      downloadBytes: Math.max(0, source.size - (here ?? 0)),
    };
  });
  const componentBytes = steps.reduce((sum, step) => sum + step.downloadBytes, 0);
  const image = imageStep(manifest, holdings.imageBytes, where);
  const downloadBytes = componentBytes + (image?.downloadBytes ?? 0);
  const unpackBytes = steps
    .filter((step) => step.need !== 'installed')
    .reduce((sum, step) => sum + step.component.content.size, 0);
  return { steps, image, downloadBytes, diskBytes: componentBytes + unpackBytes };
}

function imageStep(
  { full_image: image }: Manifest,
  bytesHere: number,
  where: string,
): ImageStep | null {
  if (image === undefined) return null;
  const source = chooseSource({ name: 'system image', sources: image.sources }, where);
  // Packed bytes cannot be taken up in the middle, except where all is there.
  const resumable = source.encoding === 'identity' || bytesHere === image.content.size;
  const here = resumable ? Math.min(bytesHere, source.size) : 0;
  return { image, source, downloadBytes: source.size - here };
}

/** The smallest full source that this version can decode. QxError `too-new` when there is none. */
export function chooseSource(
  component: Pick<Component, 'name' | 'sources'>,
  where?: string,
): FullSource {
  const known = component.sources.filter(
    (source): source is FullSource =>
      source.type === 'full' && KNOWN_ENCODINGS.includes(source.encoding),
  );
  known.sort((a, b) => a.size - b.size);
  if (known[0] !== undefined) return known[0];
  throw new QxError(
    'too-new',
    `${component.name}: no source that this version can read`,
    {
      where,
      expected: `a full source in ${KNOWN_ENCODINGS.join(' or ')}`,
      found:
        component.sources
          .map(({ type, encoding }) => `${type} in ${encoding}`)
          .join(', ') || 'none',
      hint: 'update qx-update itself first',
    },
  );
}

/** Room that is left for everything else on the disk. */
const SPARE_BYTES = 8 * 1024 * 1024;

/** QxError `disk` before anything is fetched that could not be stored. */
export function checkSpace(plan: Plan, freeBytes: number, folder: string): void {
  if (plan.diskBytes === 0) return;
  const needed = plan.diskBytes + SPARE_BYTES;
  if (freeBytes >= needed) return;
  throw new QxError('disk', 'not enough space for this release', {
    where: folder,
    expected: `${needed} bytes free`,
    found: `${freeBytes} bytes free`,
    hint: 'free some space; nothing was downloaded',
  });
}
