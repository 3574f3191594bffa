import * as v from 'valibot';
import { configSchema, type ServeKeys, STYLES } from '../config/schema.ts';
import { QxError, printable } from '../format/error.ts';
import type { Flags } from '../terminal/command-line.ts';
import { type Command, type Context, placed } from './command.ts';

export const serve: Command = {
  name: 'serve',
  describe: "Answer this host's HTTP API until it is stopped",
  options: [
    {
      flag: 'listen ADDRESS:PORT',
      describe: 'https here (127.0.0.1:8443); "none": a unix socket alone',
    },
    { flag: 'socket PATH', describe: 'And plain HTTP on this unix socket' },
    {
      flag: 'style NAME',
      describe: 'host-ui (camelCase) or vdc (snake_case), for paths without /vdc/',
      values: STYLES,
    },
  ],
  examples: ['serve', 'serve --listen none --socket /run/quantix/update.sock'],
  next: ['doctor', 'config check'],
  run: async (context, _args, flags) => {
    const keys = serveFlags(context, flags);
    // Nothing else needs a server: no run of cron loads it.
    const { serve: answerUntilStopped } = await import('../serve/serve.ts');
    await answerUntilStopped(context, keys);
    return { value: null, text: '' };
  },
};

/** What the flags say, as [serve] would. QxError `usage` for what does not fit. */
function serveFlags(context: Context, flags: Flags): ServeKeys {
  const given = ['listen', 'socket', 'style'].flatMap((name) => {
    const text = flags.text(name);
    if (text === undefined) return [];
    return [[name, name === 'socket' ? placed(context, text) : text]];
  });
  const result = v.safeParse(configSchema, {
    serve: Object.fromEntries(given) as unknown,
  });
  if (result.success) return result.output.serve ?? {};
  const [issue] = result.issues;
  const name = (v.getDotPath(issue) ?? '').replace('serve.', '');
  throw new QxError('usage', `--${name} does not fit`, {
    expected: issue.message,
    found: printable(issue.input),
  });
}
