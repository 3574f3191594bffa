import { addKeys } from '../root/change.ts';
import { findKey } from '../root/find-key.ts';
import type { Command } from './command.ts';
import { CHANGE_OPTIONS, changeRoot, ROLES } from './root-change.ts';

export const rootAddKey: Command = {
  name: 'root add-key',
  args: '<role> <key...>',
  values: { role: ROLES },
  describe:
    'Let more keys sign for a role: NAME of keys/NAME.pub, FILE.pub, or a line "RW…"; channel/NAME makes the role',
  options: CHANGE_OPTIONS,
  examples: ['root add-key release release-2', 'root add-key channel/dev ci.pub'],
  next: ['root show', 'root cosign', 'sign'],
  run: (context, [role = '', ...words], flags) =>
    changeRoot(context, flags, 'root add-key', async (next, scene) => {
      const keys = [];
      for (const word of words) keys.push(await findKey(scene, next, word));
      return addKeys(next, role, keys);
    }),
};
