import { QxError } from '../../client/format/error.ts';
import { findTree } from '../check/place.ts';
import { startPreview, untilStopped } from '../preview/server.ts';
import type { Command, Flags, OptionSpec } from './command.ts';

const PORT = 8080;

export const PORT_OPTION: OptionSpec = {
  flag: 'port N',
  describe: `The first port to try (${PORT}); 0 for any free one`,
};

export const serve: Command = {
  name: 'serve',
  args: '[folder]',
  describe:
    'Preview the tree on this machine over HTTP, until Ctrl-C; hosts want a real web server',
  options: [PORT_OPTION],
  examples: ['serve', 'serve public --port 0'],
  next: ['verify', 'dev'],
  run: async (context, [argument], flags) => {
    const { output, effects } = context;
    const { folder } = await findTree(context, flags, argument);
    if (folder === null)
      throw new QxError('usage', 'only a folder can be served', { found: argument });
    const wanted = portOf(flags);
    let requests = 0;
    const onRequest = (line: string): void => {
      requests += 1;
      output.detail(line);
    };
    const stopped = untilStopped();
    const preview = await startPreview({
      files: effects.files,
      root: folder,
      port: wanted,
      onRequest,
    });
    const moved =
      wanted !== 0 && preview.port !== wanted ? ` (port ${wanted} is in use)` : '';
    output.say(`preview of ${folder}: ${preview.url}${moved}`);
    output.say('for this machine only, not for hosts in the field; Ctrl-C ends it');
    await stopped;
    await preview.close();
    return { value: { url: preview.url, folder, requests }, text: '' };
  },
};

/** --port. QxError `usage` for what is none. */
export function portOf(flags: Flags): number {
  const wanted = flags.whole('port', PORT);
  if (wanted <= 65535) return wanted;
  throw new QxError('usage', '--port is not a port', {
    expected: '0 to 65535',
    found: `${wanted}`,
  });
}
