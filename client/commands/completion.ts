import { loadConfig } from '../config/config.ts';
import { SHELLS } from '../terminal/command-line.ts';
import { COMMON_OPTIONS, type Command, type Context } from './command.ts';

/** Every repository has some of them; more are those that this host has seen. */
const USUAL_CHANNELS = ['stable', 'beta', 'dev'];

export const completion: Command = {
  name: 'completion',
  args: '<shell> [words...]',
  values: { shell: SHELLS },
  describe: 'Print what bash, zsh or fish reads to complete the commands of this program',
  examples: [
    'completion bash > /usr/share/bash-completion/completions/qx-update',
    'completion zsh > /usr/share/zsh/site-functions/_qx-update',
    'completion fish > /usr/share/fish/vendor_completions.d/qx-update.fish',
  ],
  run: async (context, args) => {
    const { completion: answer } = await import('../terminal/complete.ts');
    const { COMMANDS } = await import('./index.ts');
    const spec = { program: 'qx-update', commands: COMMANDS, common: COMMON_OPTIONS };
    return answer(spec, args, (what, options) => namesSeen(context, what, options));
  },
};

async function namesSeen(
  { fx, env, machine }: Context,
  what: 'channels' | 'products',
  options: ReadonlyMap<string, string>,
): Promise<string[]> {
  const names = what === 'channels' ? USUAL_CHANNELS : ['quantix-os', 'quantix-vdc'];
  const root = options.get('root') ?? '/';
  const configFile = options.get('config') ?? env.QX_UPDATE_CONFIG;
  const sources = { root, configFile, flags: {}, medium: false, env, machine };
  const config = await loadConfig(fx, sources).catch(() => null);
  if (config === null || what === 'products') return names;
  const folder = `${config.stateDir}/pointers/${config.product}`;
  const seen = await fx.files.list(folder).catch(() => []);
  return [...new Set([config.channel, ...seen, ...names])];
}
