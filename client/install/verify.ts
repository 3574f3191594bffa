import { QxError } from '../format/error.ts';
import type { Session } from '../session.ts';
import { standing } from './adopt.ts';
import { type Generation, type GenerationEntry, readCurrent } from './generations.ts';
import { inspectContent } from './inspect-content.ts';
import { placeOf } from './install.ts';
import { linkedPath } from './layout.ts';

/** What holds and what does not, of all that is installed. */
export interface Inspection {
  checked: string[];
  problems: QxError[];
}

/**
 * Every component of the current generation: its link, its content's digest, its mode. Collects all problems.
 * `contents` are the paths of what was held against the digest that is its name in the store.
 */
export async function inspectInstalled(
  session: Pick<Session, 'fx' | 'config' | 'layout'>,
): Promise<Inspection & { contents: Set<string> }> {
  const { fx, layout } = session;
  const generation = await readCurrent(fx.files, layout);
  const inspection: Inspection = { checked: [], problems: [] };
  const contents = new Set<string>();
  for (const entry of generation?.entries ?? []) {
    inspection.checked.push(entry.name);
    if (hasDigest(entry)) contents.add(linkedPath(layout, entry.target));
    inspection.problems.push(...(await inspectEntry(session, entry)));
  }
  return { ...inspection, contents };
}
/** Whether what is looked at is what the store's name says; what the appliance came with has no digest. */
function hasDigest({ kind, content, target }: GenerationEntry): boolean {
  return kind !== undefined && target.split('/').at(-2) === content;
}

/** The contents of any generation, current or not. */
export async function inspectGeneration(
  session: Pick<Session, 'fx' | 'layout'>,
  generation: Generation,
): Promise<QxError[]> {
  const problems: QxError[] = [];
  for (const entry of generation.entries) {
    const problem = await inspectOf(session, entry);
    if (problem !== null) problems.push(problem);
  }
  return problems;
}

async function inspectEntry(
  session: Pick<Session, 'fx' | 'config' | 'layout'>,
  entry: GenerationEntry,
): Promise<QxError[]> {
  const { fx, layout } = session;
  const place = placeOf(session, entry);
  const problems: QxError[] = [];
  if ((await standing(fx.files, layout, place)) !== 'ours') {
    problems.push(
      new QxError('digest', `${entry.name}: the install path is not our link any more`, {
        where: place.real,
        expected: `a link to ${layout.current}/${entry.name}`,
        hint: 'something replaced it; the next installation sets that aside and links again',
      }),
    );
  }
  const problem = await inspectOf(session, entry);
  return problem === null ? problems : [...problems, problem];
}

async function inspectOf(
  { fx, layout }: Pick<Session, 'fx' | 'layout'>,
  { name, kind, content, target }: GenerationEntry,
): Promise<QxError | null> {
  // What the appliance came with has no digest to hold it against.
  if (content === undefined || kind === undefined) return null;
  const mode = /\/file-(0[0-7]{3})$/.exec(target)?.[1];
  return inspectContent(fx.files, linkedPath(layout, target), {
    name,
    kind,
    sha256: content,
    mode: mode === undefined ? undefined : Number.parseInt(mode, 8),
  });
}
