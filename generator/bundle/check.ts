import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { QxError } from '../../client/format/error.ts';
import { checkObject } from '../check/objects.ts';
import { openOtherPlace } from '../check/place.ts';
import { Problems } from '../check/problems.ts';
import { surveyTree } from '../check/survey.ts';
import { wantedObjects } from '../check/wanted-objects.ts';
import type { Context } from '../context.ts';
import type { BundlePlan } from './bundle.ts';

/**
 * Reads a finished bundle as a host does that trusts root 1: roots, pointers, manifests, and every object down to its
 * decoded content. QxError with the worst that is wrong; `stale` for a pointer that hosts would not take any more.
 */
export async function checkBundle(
  context: Context,
  folder: string,
  plan: BundlePlan,
  onBytes: (count: number) => void,
): Promise<void> {
  const { effects } = context;
  const source = openOtherPlace(context, pathToFileURL(folder).href);
  const place = { name: folder, source, folder, workspace: null };
  const problems = new Problems(source.base);
  const limits = { nowMs: effects.clock.now(), minLifeMs: 0 };
  const survey = await surveyTree({ effects, place, pinned: null, limits, problems });
  const wanted = wantedObjects(survey.manifests, new Set(), problems);
  const check = { sources: [source], fast: false, problems, onBytes };
  for (const { sha256 } of plan.objects) {
    const object = wanted.get(sha256);
    if (object !== undefined) await checkObject(check, object);
    else problems.error('defect', 'an object that no manifest names', { where: sha256 });
  }
  refuse(problems, folder);
}

function refuse(problems: Problems, folder: string): void {
  const [worst] = problems.of('error');
  if (worst === undefined) return;
  const { code, message, where = '', expected, found, hint } = worst;
  throw new QxError(code, message, { where: join(folder, where), expected, found, hint });
}
