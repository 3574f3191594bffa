import { QxError } from '../format/error.ts';
import { formatTime } from '../format/time.ts';
import type { Session } from '../session.ts';
import {
  type Generation,
  type GenerationEntry,
  nextGenerationNumber,
  readCurrent,
  readGenerations,
  releaseOf,
  writeGeneration,
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
  const { whole } = await readGenerations(fx.files, layout);
  const others = whole.filter((each) => each.generation !== current?.generation);
  const chosen =
    to === undefined
      ? others.find((each) => each.generation === current?.previous)
      : to === BAKED
        ? others.findLast(isBaked)
        : withVersion(others, to);
  if (chosen !== undefined) return chosen;
  if (to === BAKED && current !== null && !isBaked(current)) {
    // Nothing was ever set aside, because nothing stood there.
    const generation = await nextGenerationNumber(fx.files, layout);
    const installed = formatTime(fx.clock.now());
    return { type: 'generation', format: 1, generation, installed, entries: [] };
  }
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

/** The release itself, or the generation that has it with something that was set aside after its installation. */
function withVersion(
  generations: readonly Generation[],
  version: string,
): Generation | undefined {
  return (
    generations.findLast((each) => each.release?.version === version) ??
    generations.findLast((each) => each.was?.version === version)
  );
}

/**
 * The same generation with what the appliance came with at the paths that it says nothing of, because the first
 * release for them came later: a link that leads nowhere would stand there. Written as a new one where it lacks some.
 */
export async function completeGeneration(
  { fx, layout }: Session,
  chosen: Generation,
): Promise<Generation> {
  const { whole } = await readGenerations(fx.files, layout);
  const named = new Set(chosen.entries.map((entry) => entry.name));
  const lacking = adoptedEntries(whole).filter((entry) => !named.has(entry.name));
  const isThere = whole.some((each) => each.generation === chosen.generation);
  if (isThere && lacking.length === 0) return chosen;
  const generation = await nextGenerationNumber(fx.files, layout);
  const entries = [...chosen.entries, ...lacking];
  const complete = { ...chosen, generation, entries };
  await writeGeneration(fx.files, layout, complete);
  return complete;
}

/** What stood at each path first. */
function adoptedEntries(generations: readonly Generation[]): GenerationEntry[] {
  const first = new Map<string, GenerationEntry>();
  for (const entry of generations.flatMap(({ entries }) => entries)) {
    if (entry.version === undefined && !first.has(entry.name))
      first.set(entry.name, entry);
  }
  return [...first.values()];
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
