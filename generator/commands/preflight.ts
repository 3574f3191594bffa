import { QxError } from '../../client/format/error.ts';
import { SOURCE_OPTIONS, findTree } from '../check/place.ts';
import type { Context } from '../context.ts';
import type { Preflight } from '../preflight/comparison.ts';
import { preflight as compare } from '../preflight/preflight.ts';
import { type Command, type CommandResult, readingIn } from './command.ts';

export const preflight: Command = {
  name: 'preflight',
  args: '<tree>',
  describe:
    'Ask, right before publishing, whether this workspace is the next step of what is served',
  options: SOURCE_OPTIONS,
  examples: ['preflight https://updates.example.org', 'preflight /srv/quantix/public'],
  next: ['pull', 'verify'],
  run: async (context, [argument], flags) => {
    const place = await findTree(context, flags, argument);
    const workspace = await readingIn(context, flags);
    if (place.folder === workspace.paths.public) {
      throw new QxError('usage', 'this is the tree of the workspace itself', {
        where: place.folder,
      });
    }
    return answer(context, place.name, await compare(workspace, place.source));
  },
};

function answer(context: Context, name: string, found: Preflight): CommandResult {
  const { empty, pointers, releases, conflicts, warnings } = found;
  for (const { message, where, found: seen } of warnings)
    context.output.say(
      `warning: ${message} (${where ?? name}${seen === undefined ? '' : `: ${seen}`}); publishing replaces it`,
    );
  const [first, ...more] = conflicts;
  for (const { message, where, found: seen } of more)
    context.output.say(`also: ${message} (${where}: ${seen})`);
  if (first !== undefined) throw first;
  const text = empty
    ? `${name}: nothing is served there yet`
    : `${name}: this workspace is the next step (${pointers} pointers, ${releases} releases compared)`;
  return { value: { tree: name, ok: true, empty, pointers, releases }, text };
}
