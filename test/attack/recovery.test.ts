import t from 'tap';
import { encodePointer } from '../../client/format/pointer.ts';
import { fixedKey } from '../support/forge.ts';
import { listed, putPointer, putRoot, role } from './documents.ts';
import { installs, refuses } from './judge.ts';
import { stories } from './world.ts';

/** After a theft: what a new root undoes. */

const story = stories(t);

story(
  'a stolen key raised the serial as far as it goes, and a new root undoes that',
  async (t, world) => {
    const { root, release } = world.forge.keys;
    world.publish('1.1.0', { serial: Number.MAX_SAFE_INTEGER });
    await installs(t, world, '1.1.0');
    const { pointer } = world.publish('1.2.0');
    await refuses(t, world, {
      exit: 22,
      says: /an older pointer than this host has seen/,
    });
    const next = fixedKey(21);
    const roles = { ...world.forge.root.roles, channel: role(1, next) };
    putRoot(world.forge, 2, { keys: listed(root, release, next), roles }, root);
    putPointer(world.forge, encodePointer(pointer), next);
    await installs(t, world, '1.2.0');
  },
);
