import { QxError } from '../../client/format/error.ts';
import type { Flags } from '../../client/terminal/command-line.ts';
import { type ObjectCounts, checkObjects } from '../check/all-objects.ts';
import { parseDuration } from '../check/life.ts';
import { SOURCE_OPTIONS, findTree, pinnedRoot } from '../check/place.ts';
import { Problems } from '../check/problems.ts';
import {
  describeProblems,
  describeSurvey,
  problemRecords,
  surveyRecord,
} from '../check/report.ts';
import { type Survey, type SurveyOptions, surveyTree } from '../check/survey.ts';
import type { Context } from '../context.ts';
import { readMarker } from '../pull/marker.ts';
import type { Command, CommandResult } from './command.ts';

export const verify: Command = {
  name: 'verify',
  args: '[tree]',
  describe:
    'Read a whole tree as hosts do (a folder, file:// or http(s)://) and tell all that is wrong',
  options: [
    {
      flag: 'root FILE',
      describe: 'The trust root that hosts have; else root 1 is taken as found',
    },
    {
      flag: 'min-life TIME',
      describe: 'Pointers and roots that live less are stale (30d, 12h)',
    },
    {
      flag: 'fast',
      describe: 'Look that objects are there and how long, without reading them',
    },
    ...SOURCE_OPTIONS,
  ],
  examples: [
    'verify',
    'verify https://updates.example.org --root root.json --min-life 30d',
  ],
  next: ['lint', 'preflight'],
  run: async (context, [argument], flags) => {
    const place = await findTree(context, flags, argument);
    const problems = new Problems(place.source.base);
    const limits = {
      nowMs: context.effects.clock.now(),
      minLifeMs: parseDuration(flags.text('min-life') ?? '0s', 'min-life'),
    };
    const pinned = await pinnedRoot(context, flags);
    const options = { effects: context.effects, place, pinned, limits, problems };
    const survey = await surveyTree(options);
    const objects = await readObjects(context, flags, options, survey);
    return answer(options, survey, objects);
  },
};

async function readObjects(
  context: Context,
  flags: Flags,
  { place, problems }: SurveyOptions,
  survey: Survey,
): Promise<ObjectCounts | undefined> {
  const marker = place.workspace === null ? null : await readMarker(place.workspace);
  const pulled = new Set(marker?.manifests);
  try {
    const fast = flags.is('fast');
    return await checkObjects(context, { place, survey, problems, pulled, fast });
  } catch (error) {
    // The host went away in the middle: what was found until then is told as well.
    if (!(error instanceof QxError) || error.code !== 'network') throw error;
    problems.refused(error);
    return undefined;
  }
}

function answer(
  { place, pinned, problems }: SurveyOptions,
  survey: Survey,
  objects: ObjectCounts | undefined,
): CommandResult {
  const { exitCode } = problems;
  const trusted = pinned !== null;
  return {
    exitCode,
    value: {
      tree: place.name,
      ok: exitCode === 0,
      exitCode,
      ...surveyRecord(survey, trusted),
      ...(objects === undefined ? {} : { objects }),
      ...problemRecords(problems),
    },
    text: `${describeSurvey(place.name, survey, trusted, objects)}\n\n${describeProblems(problems)}`,
  };
}
