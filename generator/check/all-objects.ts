import pLimit from 'p-limit';
import { objectPath } from '../../client/format/tree.ts';
import type { Source } from '../../client/reader/source.ts';
import { formatBytes } from '../../client/terminal/text.ts';
import type { Context } from '../context.ts';
import type { TreeFile } from './files.ts';
import { checkObject } from './objects.ts';
import { type TreePlace, openOtherPlace } from './place.ts';
import type { Problems } from './problems.ts';
import type { Survey } from './survey.ts';
import { type WantedObject, wantedObjects } from './wanted-objects.ts';

export interface ObjectCounts {
  /** There, and as promised. */
  checked: number;
  checkedBytes: number;
  /** Left elsewhere by `pull`. */
  notHere: number;
  /** Lie in the tree and no release names them. */
  unreferenced: number;
}

export interface ObjectsOptions {
  place: TreePlace;
  survey: Survey;
  problems: Problems;
  /** Manifests that `pull` brought. */
  pulled: ReadonlySet<string>;
  fast: boolean;
}

/** Contents are decoded side by side; each takes a few MiB. */
const PARALLEL = 4;

/** Every object that a manifest names, and those in the folder that none does. */
export async function checkObjects(
  context: Context,
  options: ObjectsOptions,
): Promise<ObjectCounts> {
  const { survey, problems, pulled, fast } = options;
  const wanted = wantedObjects(survey.manifests, pulled, problems);
  const unnamed = unnamedObjects(survey.files ?? [], wanted);
  const all = [...wanted.values(), ...unnamed];
  const bytes = all.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
  const progress = context.output.progress('objects', bytes);
  const sources = [options.place.source, ...otherPlaces(context, survey)];
  const check = {
    sources,
    fast,
    problems,
    onBytes: (count: number) => progress.add(count),
  };
  const limit = pLimit(PARALLEL);
  const results = await Promise.all(
    all.map((object) => limit(() => checkObject(check, object))),
  );
  if (all.length > 0) progress.done();
  reportUnnamed(unnamed, problems);
  const good = all.filter((_, at) => results[at] === 'checked');
  return {
    checked: good.length,
    checkedBytes: good.reduce((sum, { descriptor }) => sum + descriptor.size, 0),
    notHere: results.filter((result) => result === 'not here').length,
    unreferenced: unnamed.length,
  };
}

/** Where pointers say that objects are as well. Nobody's credentials go there. */
export function otherPlaces(context: Context, { pointers }: Survey): Source[] {
  const bases = pointers.flatMap(({ pointer }) => pointer.objects ?? []);
  return [...new Set(bases)].map((base) => openOtherPlace(context, base));
}

/** Objects in a folder that no manifest names: still to be what their names say. */
export function unnamedObjects(
  files: readonly TreeFile[],
  wanted: ReadonlyMap<string, WantedObject>,
): WantedObject[] {
  return files.flatMap(({ path, info }) => {
    const sha256 = /^objects\/[0-9a-f]{2}\/([0-9a-f]{64})$/.exec(path)?.[1];
    if (sha256 === undefined || wanted.has(sha256) || path !== objectPath(sha256))
      return [];
    const descriptor = { sha256, size: info.size };
    return [{ descriptor, by: path, pulled: false, uses: new Map() }];
  });
}

function reportUnnamed(unnamed: readonly WantedObject[], problems: Problems): void {
  if (unnamed.length === 0) return;
  const bytes = unnamed.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
  problems.info('objects that no release names', {
    where: 'objects/',
    found: `${unnamed.length} (${formatBytes(bytes)})`,
    hint: 'left by a run that was cut off, or by a release that was taken back',
  });
}
