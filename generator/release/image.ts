import { readSlotImage } from '../../client/content/read-slot-image.ts';
import type { Files } from '../../client/effects/effects.ts';
import { QxError } from '../../client/format/error.ts';
import type { AboutImage, SlotImage } from '../../client/format/slot-image.ts';
import { inspect } from './contents.ts';
import type { ReleasePlan } from './plan.ts';

/**
 * The plan of a release, completed by what its system image says of itself: without one, the same plan.
 * QxError `malformed` for an image that no host could boot.
 */
export async function completedByImage(
  files: Files,
  plan: ReleasePlan,
): Promise<ReleasePlan> {
  if (plan.image === undefined) return plan;
  const { path } = plan.image;
  const { size } = await inspect(files, 'system image', path, undefined, 'file');
  return planWithImage(plan, await readSlotImage(files, path, size), size);
}

/**
 * QxError `config` where plan and image disagree, where the product's hosts have no slots, and where the image does not fit into one.
 */
export function planWithImage(
  plan: ReleasePlan,
  { about }: SlotImage,
  size: number,
): ReleasePlan {
  const { image } = plan;
  if (image === undefined) return plan;
  checkSlot(plan, image.path, size);
  if (about === null) return plan;
  const agree = agreement(image.path);
  const arch = plan.arch === 'any' ? about.arch : plan.arch;
  agree('architecture', arch, about.arch);
  agree('compatible', plan.compatible, about.compatible);
  agree('version', plan.version, about.version);
  return {
    ...plan,
    arch,
    version: plan.version ?? about.version,
    compatible: plan.compatible ?? about.compatible,
    image: { ...image, components: bakedIn(image.path, image.components, about) },
  };
}

function checkSlot(
  { product, slotBytes }: ReleasePlan,
  path: string,
  size: number,
): void {
  if (slotBytes === undefined || size <= slotBytes) return;
  if (slotBytes === 0)
    throw new QxError('config', `hosts of ${product} have no slots for a system image`, {
      where: path,
      hint: 'slot_bytes in quantix-repo.toml says how large a slot is',
    });
  throw new QxError('config', 'the image does not fit into a slot', {
    where: path,
    expected: `${slotBytes} bytes at the most`,
    found: `${size} bytes`,
    hint: 'slot_bytes in quantix-repo.toml says how large a slot is',
  });
}

/** What was asked for and what the image says must be the same, where both are known. */
function agreement(where: string) {
  return (what: string, asked: string | undefined, said: string | undefined): void => {
    if (asked === undefined || said === undefined || asked === said) return;
    throw new QxError('config', `the image is of another ${what}`, {
      where,
      expected: asked,
      found: said,
    });
  };
}

function bakedIn(
  where: string,
  asked: Record<string, string> | undefined,
  { components }: AboutImage,
): Record<string, string> | undefined {
  const agree = agreement(where);
  for (const [name, version] of Object.entries(asked ?? {}))
    agree(`version of ${name}`, version, components?.[name]);
  return asked ?? components;
}
