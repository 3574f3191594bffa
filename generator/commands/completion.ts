import { resolve } from 'node:path';
import { SHELLS } from '../../client/terminal/command-line.ts';
import { listPointers } from '../tree/pointers.ts';
import { openWorkspace } from '../workspace/workspace.ts';
import { COMMON_OPTIONS, type Command } from './command.ts';

export const completion: Command = {
  name: 'completion',
  args: '<shell> [words...]',
  values: { shell: SHELLS },
  describe: 'Print what bash, zsh or fish reads to complete the commands of this program',
  examples: [
    'completion bash > ~/.local/share/bash-completion/completions/qx-repo',
    'completion zsh > ~/.zfunc/_qx-repo',
    'completion fish > ~/.config/fish/completions/qx-repo.fish',
  ],
  run: async ({ effects, cwd }, args) => {
    const { completion: answer } = await import('../../client/terminal/complete.ts');
    const { COMMANDS } = await import('./index.ts');
    const spec = { program: 'qx-repo', commands: COMMANDS, common: COMMON_OPTIONS };
    return answer(spec, args, async (what, options) => {
      const folder = resolve(cwd, options.get('workspace') ?? '.');
      const { tree, config } = await openWorkspace(effects, folder);
      const pointers = await listPointers(tree);
      const names = pointers.map(([product, channel]) =>
        what === 'channels' ? channel : product,
      );
      const known = what === 'products' ? Object.keys(config.products) : [];
      return [...new Set([...names, ...known])];
    });
  },
};
