import { prepareRelease } from '../install/install.ts';
import type { Generation } from '../install/generations.ts';
import { clearStaging } from '../install/store.ts';
import type { Available } from '../offer.ts';
import { beginHooks, subjectOf } from '../hooks/begin.ts';
import { waitForBoot } from '../hooks/system.ts';
import type { ImageStep } from '../policy/plan.ts';
import type { Session } from '../session.ts';
import { placesOf, type Tracker } from '../stage.ts';
import type { Target } from './host-slots.ts';
import { checkImage, tryImage, writeImage } from './install-image.ts';
import { SYSTEM } from './traces.ts';

/** The system image of a release, and the slot that it goes to. */
export interface SystemStep {
  target: Target;
  step: ImageStep;
}

/**
 * A release with a system image: the image into the other slot, its components as the generation of that system, and
 * only then the word to the boot loader. Nothing of it is in use before the machine starts anew.
 */
export async function installSystem(
  session: Session,
  offer: Available,
  { target, step }: SystemStep,
  tracker: Tracker,
): Promise<Generation> {
  const { image, source, downloadBytes } = step;
  const hooks = await beginHooks(session, subjectOf(offer, 'system'), ['pre-install']);
  await tracker.during(SYSTEM, 'system image', downloadBytes, (onBytes) =>
    writeImage(session, target, image, source, placesOf(session, offer)(), onBytes),
  );
  await checkImage(session, target, image);
  const system = image.content.sha256;
  // What is baked into the image supersedes older overrides: nothing of the running set goes along.
  const generation = await prepareRelease(session, offer, () =>
    Promise.resolve({ system, before: null }),
  );
  session.signal.throwIfAborted();
  await tryImage(session, target, image, generation.release);
  await waitForBoot(session, hooks, generation.generation);
  await clearStaging(session);
  return generation;
}
