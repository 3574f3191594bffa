import t from 'tap';
import { encodePointer } from '../../client/format/pointer.ts';
import { manifestPath } from '../../client/format/tree.ts';
import { fixedKey } from '../support/forge.ts';
import { listed, putPointer, putRoot, putSigned, role } from './documents.ts';
import { installs, trustedRoot, refuses } from './judge.ts';
import { stories } from './world.ts';

/** Keys come and go: the sequences of the conformance suite of The Update Framework, key by key. */

const story = stories(t);
const key = (number: number) => fixedKey(30 + number);
const FIVE = [0, 1, 2, 3, 4];
const ROTATED = [0, 1, 3, 4, 5];

interface Version {
  keys: number[];
  threshold: number;
  signed: number[];
}

const v = (keys: number[], threshold: number, signed: number[]): Version => ({
  keys,
  threshold,
  signed,
});

const ROOTS: { name: string; roots: Version[]; refused?: true }[] = [
  {
    name: 'root: one key follows one key',
    roots: [v([1], 1, [1]), v([2], 1, [2, 1]), v([2], 1, [2])],
  },
  {
    name: 'root: one key follows one key, and others signed as well',
    roots: [v([1], 1, [3, 1, 4]), v([2], 1, [3, 2, 1, 4]), v([2], 1, [3, 2, 4])],
  },
  {
    name: 'root: three of five sign, other three each time',
    roots: [
      v(FIVE, 3, [0, 2, 4]),
      v(FIVE, 3, [0, 4, 1]),
      v(FIVE, 3, [0, 1, 3]),
      v(FIVE, 3, [0, 1, 3]),
    ],
  },
  {
    name: 'root: one of five keys is replaced',
    roots: [v(FIVE, 3, [0, 2, 4]), v(ROTATED, 3, [0, 4, 1])],
  },
  {
    name: 'root: one of five keys is replaced, with a step in between',
    roots: [v(FIVE, 3, [0, 2, 4]), v(ROTATED, 3, [0, 2, 4, 5]), v(ROTATED, 3, [0, 4, 5])],
  },
  {
    name: 'root: all five keys are replaced, with a step in between',
    roots: [
      v(FIVE, 3, [0, 2, 4]),
      v([5, 6, 7, 8, 9], 3, [0, 2, 4, 5, 6, 7]),
      v([5, 6, 7, 8, 9], 3, [5, 6, 7]),
    ],
  },
  {
    name: 'root: one of three becomes two of three',
    roots: [v([1, 2, 3], 1, [1]), v([1, 2, 3], 2, [1, 2])],
  },
  {
    name: 'root: two of three become one of three',
    roots: [v([1, 2, 3], 2, [1, 2]), v([1, 2, 3], 1, [1, 2]), v([1, 2, 3], 1, [1])],
  },
  {
    name: 'root: one of one becomes two of two',
    roots: [v([1], 1, [1]), v([1, 2], 2, [1, 2])],
  },
  {
    name: 'root: the old key did not sign',
    roots: [v([1], 1, [1]), v([2], 1, [2, 3, 4])],
    refused: true,
  },
  {
    name: 'root: the new key did not sign',
    roots: [v([1], 1, [1]), v([2], 1, [1, 3, 4])],
    refused: true,
  },
  {
    name: 'root: two of the three that signed are keys of the new five',
    roots: [v(FIVE, 3, [0, 2, 4]), v(ROTATED, 3, [0, 2, 4])],
    refused: true,
  },
  {
    name: 'root: two of the three that signed are keys of the old five',
    roots: [v(FIVE, 3, [0, 2, 4]), v(ROTATED, 3, [0, 4, 5])],
    refused: true,
  },
  {
    name: 'root: the threshold rises to two and one signed',
    roots: [v([1, 2, 3], 1, [1]), v([1, 2, 3], 2, [2])],
    refused: true,
  },
  {
    name: 'root: the threshold falls to one and only one of the two signed',
    roots: [v([1, 2, 3], 2, [1, 2]), v([1, 2, 3], 1, [1])],
    refused: true,
  },
];

for (const { name, roots, refused } of ROOTS) {
  story(name, async (t, world) => {
    const { forge } = world;
    const { release, channel } = forge.keys;
    for (const [index, { keys, threshold, signed }] of roots.entries()) {
      const own = keys.map(key);
      const fields = {
        keys: listed(...own, release, channel),
        roles: { ...forge.root.roles, root: role(threshold, ...own) },
      };
      // The first of them follows the root that the host was given.
      const signers = [...(index === 0 ? [forge.keys.root] : []), ...signed.map(key)];
      putRoot(forge, index + 2, fields, ...signers);
    }
    world.publish('1.1.0');
    if (refused === true) {
      const says = /too few valid signatures for the role "root"/;
      await refuses(t, world, { exit: 20, says, walksTo: roots.length });
      return;
    }
    await installs(t, world, '1.1.0');
    t.equal(trustedRoot(world.host), roots.length + 1);
  });
}

const OTHERS: { name: string; now: Version; refused?: true }[] = [
  { name: 'another key signs', now: v([2], 1, [2]) },
  { name: 'keys of no role signed as well', now: v([1], 1, [3, 1, 4]) },
  { name: 'the new key did not sign', now: v([2], 1, [1, 3, 4]), refused: true },
  {
    name: 'one of the three that signed is no key of the five',
    now: v(ROTATED, 3, [0, 2, 4]),
    refused: true,
  },
  { name: 'two of three signed', now: v(ROTATED, 3, [0, 4]), refused: true },
  { name: 'three of five signed: 0, 2, 4', now: v(FIVE, 3, [0, 2, 4]) },
  { name: 'three of five signed: 0, 4, 1', now: v(FIVE, 3, [0, 4, 1]) },
  { name: 'three of five signed: 0, 1, 3', now: v(FIVE, 3, [0, 1, 3]) },
  { name: 'three of five signed: 1, 2, 3', now: v(FIVE, 3, [1, 2, 3]) },
  { name: 'three of five signed: 2, 3, 4', now: v(FIVE, 3, [2, 3, 4]) },
];

for (const { name, now, refused } of OTHERS) {
  story(name, async (t, world) => {
    for (const [step, who] of (['channel', 'release'] as const).entries()) {
      const { forge } = world;
      const { keys, roles } = forge.root;
      const own = now.keys.map(key);
      const changed = { ...roles, [who]: role(now.threshold, ...own) };
      const fields = { keys: { ...keys, ...listed(...own) }, roles: changed };
      putRoot(forge, 2 + step, fields, forge.keys.root);
      const signers = now.signed.map(key);
      const { pointer } = world.publish(`1.${step + 1}.0`, {
        pointer: { root: 2 + step },
      });
      if (who === 'channel') putPointer(forge, encodePointer(pointer), ...signers);
      else resignManifest(world.forge, pointer, signers);
      if (refused === true) {
        const says = new RegExp(`too few valid signatures for the role "${who}"`);
        // What the old release key alone vouched for is forgotten, its floors as well.
        const rest =
          who === 'release' ? ({ learns: 'pointer', forgets: 'floors' } as const) : {};
        await refuses(t, world, { exit: 20, says, walksTo: 2 + step, ...rest });
      } else await installs(t, world, `1.${step + 1}.0`);
    }
  });
}

function resignManifest(
  forge: Parameters<typeof putSigned>[0],
  pointer: Parameters<typeof encodePointer>[0],
  signers: ReturnType<typeof key>[],
): void {
  const path = manifestPath(pointer.manifests.any?.sha256 ?? '');
  putSigned(forge, path, forge.read(path), ...signers);
}
