import { EXIT_CODES } from '../../client/format/error.ts';
import { SOURCE_OPTIONS, findTree, pinnedRoot } from '../check/place.ts';
import { describeProblems, problemRecords, surveyRecord } from '../check/report.ts';
import { lintTree } from '../lint/lint.ts';
import type { Command } from './command.ts';

export const lint: Command = {
  name: 'lint',
  args: '[tree]',
  describe:
    'What makes a tree bad to publish or to live with; 0 with warnings, 78 with errors',
  options: [
    {
      flag: 'root FILE',
      describe: 'The trust root that hosts have; else root 1 is taken as found',
    },
    ...SOURCE_OPTIONS,
  ],
  examples: ['lint', 'lint https://updates.example.org'],
  next: ['sign', 'verify'],
  run: async (context, [argument], flags) => {
    const place = await findTree(context, flags, argument);
    const pinned = await pinnedRoot(context, flags);
    const { survey, problems } = await lintTree(context, place, pinned);
    const exitCode = problems.of('error').length > 0 ? EXIT_CODES.config : 0;
    return {
      exitCode,
      value: {
        tree: place.name,
        ok: exitCode === 0,
        exitCode,
        ...surveyRecord(survey, pinned !== null),
        ...problemRecords(problems),
      },
      text: describeProblems(problems),
    };
  },
};
