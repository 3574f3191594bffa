import { removeKey } from '../root/change.ts';
import { findKey } from '../root/find-key.ts';
import type { Command } from './command.ts';
import { CHANGE_OPTIONS, changeRoot, ROLES } from './root-change.ts';

export const rootRemoveKey: Command = {
  name: 'root remove-key',
  args: '<role> <key>',
  values: { role: ROLES },
  describe:
    'Take a key from a role, by name or id; what it signed is signed again by the others',
  options: [
    {
      flag: 'end-role',
      describe:
        'The last key of channel/NAME may go: the role "channel" signs for it again',
    },
    ...CHANGE_OPTIONS,
  ],
  examples: [
    'root remove-key release release-1',
    'root remove-key channel/dev 3C1B1A1D7A0F9E22 --end-role',
  ],
  next: ['root show', 'root cosign', 'sign'],
  run: (context, [role = '', word = ''], flags) =>
    changeRoot(context, flags, 'root remove-key', async (next, scene) => {
      const { id } = await findKey(scene, next, word);
      return removeKey(next, role, id, flags.is('end-role'));
    }),
};
