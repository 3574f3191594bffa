import { QxError } from '../format/error.ts';
import type { Session } from '../session.ts';
import {
  type Generation,
  generationNumbers,
  readCurrent,
  readGeneration,
  releaseOf,
} from './generations.ts';

/** What `rollback --to` may say besides a version. */
export const BAKED = 'baked';

/**
 * The generation to return to: the one before the current one, the newest with a version, or what the
 * appliance came with. QxError `usage` when this host has no such generation any more.
 */
export async function chooseGeneration(
  session: Session,
  to: string | undefined,
): Promise<Generation> {
  const { fx, layout } = session;
  const current = await readCurrent(fx.files, layout);
  const all: Generation[] = [];
  for (const number of await generationNumbers(fx.files, layout)) {
    all.push(await readGeneration(fx.files, layout, number));
  }
  const others = all.filter((each) => each.generation !== current?.generation);
  const chosen =
    to === undefined
      ? others.find((each) => each.generation === current?.previous)
      : others.findLast((each) =>
          to === BAKED ? isBaked(each) : each.release?.version === to,
        );
  if (chosen !== undefined) return chosen;
  throw new QxError(
    'usage',
    to === undefined
      ? 'there is nothing to go back to'
      : `${to} is not kept on this host`,
    {
      where: layout.generations,
      expected: others.map(nameOf).join(', ') || 'an installed release',
      found: to,
      hint: '"qx-update history" shows what was installed, "keep" in update.toml how much is kept',
    },
  );
}

/** Only what the appliance came with: every entry was adopted. */
function isBaked(generation: Generation): boolean {
  return (
    generation.release === undefined &&
    generation.entries.every((entry) => entry.version === undefined)
  );
}

function nameOf(generation: Generation): string {
  return (
    generation.release?.version ??
    (isBaked(generation) ? BAKED : (releaseOf(generation)?.version ?? ''))
  );
}
