import { listIfThere } from '../effects/durable.ts';
import { QxError } from '../format/error.ts';
import type { Session } from '../session.ts';
import { type Generation, readCurrent, readGenerations, RECORD } from './generations.ts';
import { inspectContent } from './inspect-content.ts';
import { linkedPath } from './layout.ts';
import type { Inspection } from './verify.ts';

type Where = Pick<Session, 'fx' | 'layout'>;

/**
 * Every content of the store against the digest that is its name, whoever needs it or nobody. `hashed` are paths of
 * those that were held against it before.
 */
export async function inspectStore(
  { fx, layout }: Where,
  hashed: ReadonlySet<string>,
): Promise<Inspection> {
  const inspection: Inspection = { checked: [], problems: [] };
  for (const digest of await listIfThere(fx.files, layout.store)) {
    if (digest.startsWith('.')) continue;
    for (const name of await listIfThere(fx.files, `${layout.store}/${digest}`)) {
      const path = `${layout.store}/${digest}/${name}`;
      inspection.checked.push(`store/${digest}/${name}`);
      if (hashed.has(path)) continue;
      const mode = /^file-(0[0-7]{3})$/.exec(name)?.[1];
      const problem = await inspectContent(fx.files, path, {
        name: `store/${digest}/${name}`,
        kind: mode === undefined ? 'directory' : 'file',
        sha256: digest,
        mode: mode === undefined ? undefined : Number.parseInt(mode, 8),
      });
      if (problem !== null) inspection.problems.push(problem);
    }
  }
  return inspection;
}

/** Every generation: its record, its links, and that they lead to something; and that the way back is there. */
export async function inspectGenerations(where: Where): Promise<Inspection> {
  const { fx, layout } = where;
  const { whole, unreadable } = await readGenerations(fx.files, layout);
  const problems = unreadable.map((number) =>
    broken(`${layout.generations}/${number}`, 'a record that can be read'),
  );
  for (const generation of whole)
    problems.push(...(await linkProblems(where, generation)));
  const previous = (await readCurrent(fx.files, layout))?.previous;
  if (previous !== undefined && !whole.some(({ generation }) => generation === previous))
    problems.push(broken(`${layout.generations}/${previous}`, 'the way back'));
  return {
    checked: whole.map(({ generation }) => `generations/${generation}`),
    problems,
  };
}

async function linkProblems(
  { fx, layout }: Where,
  { generation, entries }: Generation,
): Promise<QxError[]> {
  const folder = `${layout.generations}/${generation}`;
  const problems: QxError[] = [];
  for (const { name, target } of entries) {
    const path = `${folder}/${name}`;
    const found = await fx.files.readLink(path).catch(() => 'no link');
    if (found !== target) problems.push(broken(path, target, found));
    const content = linkedPath(layout, target);
    if ((await fx.files.info(content)) === null)
      problems.push(broken(content, 'what the generation holds'));
  }
  const known = new Set([RECORD, ...entries.map(({ name }) => name)]);
  for (const name of await fx.files.list(folder))
    if (!known.has(name)) problems.push(broken(`${folder}/${name}`, 'nothing', name));
  return problems;
}

function broken(where: string, expected: string, found = 'nothing'): QxError {
  return new QxError('local-state', 'a generation is not what its record says', {
    where,
    expected,
    found,
    hint: 'the next release makes a whole one; until then do not go back to it',
  });
}
