import { hashFile } from '../content/hash.ts';
import { hashFolder } from '../content/pack.ts';
import { QxError } from '../format/error.ts';
import type { Session } from '../session.ts';
import { standing } from './adopt.ts';
import { type Generation, type GenerationEntry, readCurrent } from './generations.ts';
import { placeOf } from './install.ts';

/** What holds and what does not, of all that is installed. */
export interface Inspection {
  checked: string[];
  problems: QxError[];
}

/** Every component of the current generation: its link, its content's digest, its mode. Collects all problems. */
export async function inspectInstalled(
  session: Pick<Session, 'fx' | 'config' | 'layout'>,
): Promise<Inspection> {
  const generation = await readCurrent(session.fx.files, session.layout);
  const inspection: Inspection = { checked: [], problems: [] };
  for (const entry of generation?.entries ?? []) {
    inspection.checked.push(entry.name);
    inspection.problems.push(...(await inspectEntry(session, entry)));
  }
  return inspection;
}

/** The contents of any generation, current or not. */
export async function inspectGeneration(
  session: Pick<Session, 'fx' | 'layout'>,
  generation: Generation,
): Promise<QxError[]> {
  const problems: QxError[] = [];
  for (const entry of generation.entries) {
    const problem = await inspectContent(session, entry);
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
  const problem = await inspectContent(session, entry);
  return problem === null ? problems : [...problems, problem];
}

async function inspectContent(
  { fx, layout }: Pick<Session, 'fx' | 'layout'>,
  entry: GenerationEntry,
): Promise<QxError | null> {
  // What the appliance came with has no digest to hold it against.
  if (entry.content === undefined || entry.kind === undefined) return null;
  const path = `${layout.components}/${entry.target.replace(/^\.\.\/\.\.\//, '')}`;
  try {
    const hash = entry.kind === 'file' ? hashFile : hashFolder;
    const { sha256 } = await hash(fx.files, path);
    const mode = /\/file-0([0-7]{3})$/.exec(entry.target)?.[1];
    const found = await fx.files.info(path);
    if (mode !== undefined && found?.mode !== Number.parseInt(mode, 8)) {
      return changed(
        entry,
        path,
        `mode 0${mode}`,
        `mode 0${(found?.mode ?? 0).toString(8)}`,
      );
    }
    return sha256 === entry.content ? null : changed(entry, path, entry.content, sha256);
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    return changed(entry, path, entry.content, found);
  }
}

function changed(
  entry: GenerationEntry,
  where: string,
  expected: string,
  found: string,
): QxError {
  return new QxError('digest', `${entry.name}: the installed content was changed`, {
    where,
    expected,
    found,
    hint: 'install a release again; until then this component is not what was signed',
  });
}
