import { rotateKey } from '../root/change.ts';
import { findKey } from '../root/find-key.ts';
import type { Command } from './command.ts';
import { CHANGE_OPTIONS, changeRoot, ROLES } from './root-change.ts';

export const rootRotate: Command = {
  name: 'root rotate',
  args: '<role> <old> <new>',
  values: { role: ROLES },
  describe:
    "Put a new key in the place of a role's old one, and sign again what only the old one signed",
  options: CHANGE_OPTIONS,
  examples: [
    'root rotate release release-1 release-2',
    'root rotate channel 3C1B1A1D7A0F9E22 channel-2 --now',
  ],
  next: ['root show', 'root cosign', 'sign'],
  run: (context, [role = '', old = '', replacement = ''], flags) =>
    changeRoot(context, flags, 'root rotate', async (next, scene) => {
      const { id } = await findKey(scene, next, old);
      return rotateKey(next, role, id, await findKey(scene, next, replacement));
    }),
};
