import { isDeepStrictEqual } from 'node:util';
import { BLOCK_BYTES, encodeBlock, parseBlock } from '../../../client/boot/grub-block.ts';
import {
  COPIES,
  grubEnvironment,
  newCopies,
} from '../../../client/boot/grub-environment.ts';
import { type BootState, markBad, markGood } from '../../../client/boot/boot-state.ts';
import { QxError } from '../../../client/format/error.ts';
import { mutateBytes, mutateLines, pick } from '../../support/mutate.ts';
import { type Chance, mutate } from '../../support/seeded.ts';
import { Fault, type Target } from '../engine.ts';
import { memoryFiles } from '../memory-files.ts';

const STATE: BootState = {
  next: 'A',
  slots: { A: { kind: 'good', triesLeft: 8 }, B: { kind: 'trial', triesLeft: 3 } },
};
const OTHER = markBad(STATE, 'A');
const BLOCKS = [10_000_000, 10_000_001, 54_321_987, 99_999_998, 99_999_999].flatMap(
  (generation) => [STATE, OTHER].map((state) => encodeBlock({ generation, state })),
);

/** A torn write, a bad bit, a text editor, somebody else's variables. */
function damaged(chance: Chance, original: Buffer): Buffer {
  const way = chance.below(5);
  if (way === 0) return mutate(original, chance);
  if (way === 1) return mutateBytes(chance, original, pick(chance, BLOCKS));
  if (way === 2) return mutateLines(chance, original, pick(chance, BLOCKS));
  const torn = chance.below(BLOCK_BYTES / 2) * 2;
  const rest = pick(chance, [
    ...BLOCKS,
    Buffer.alloc(BLOCK_BYTES),
    chance.bytes(BLOCK_BYTES),
  ]);
  return Buffer.concat([original.subarray(0, torn), rest.subarray(torn)]);
}

const grubBlock: Target = {
  name: 'grub-block',
  codes: ['malformed'],
  make: (chance) => damaged(chance, pick(chance, BLOCKS)),
  judge: (input) => {
    const block = parseBlock(input);
    if (block === null) throw new QxError('malformed', 'not a whole copy');
    const again = encodeBlock(block);
    if (again.length !== BLOCK_BYTES) throw new Fault('is written with another length');
    if (!isDeepStrictEqual(parseBlock(again), block))
      throw new Fault('is written as another');
  },
};

const FOLDER = '/boot/grub';

/** Both copies, the number of bytes of the first one in front. */
function together([zero, one]: readonly [Buffer, Buffer]): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16LE(Math.min(zero.length, 0xffff));
  return Buffer.concat([length, zero.subarray(0, 0xffff), one]);
}

function apart(input: Buffer): [Buffer, Buffer] {
  const end = 2 + (input.length < 2 ? 0 : input.readUInt16LE());
  return [input.subarray(2, end), input.subarray(end)];
}

/** However the copies are damaged: a state is read, and what is written is what is read afterwards. */
const bootEnvironment: Target = {
  name: 'boot-environment',
  // All generations used up.
  codes: ['local-state'],
  make: (chance) => {
    const [zero, one] =
      chance.below(4) === 0
        ? newCopies(STATE)
        : [pick(chance, BLOCKS), pick(chance, BLOCKS)];
    const first = chance.below(3) === 0 ? zero : damaged(chance, zero);
    return together([first, chance.below(3) === 0 ? one : damaged(chance, one)]);
  },
  judge: async (input) => {
    const copies = apart(input);
    const files = memoryFiles('/boot');
    await files.makeDirectory(FOLDER);
    await files.put(`${FOLDER}/boot-0.env`, copies[0]);
    await files.put(`${FOLDER}/boot-1.env`, copies[1]);
    const environment = grubEnvironment(files, FOLDER);
    const before = await environment.read();
    if (before.readable !== copies.filter((copy) => parseBlock(copy) !== null).length)
      throw new Fault('counts other copies than there are');
    const state = markGood(before.state, 'B');
    // A power cut while the one copy is written leaves the other.
    const kept = JSON.stringify(before.readable > 0 ? before.state : state);
    await environment.write(state);
    const after = await environment.read();
    if (!isDeepStrictEqual(after.state, state))
      throw new Fault('another state is read than was written');
    const left = COPIES.map(async (name) =>
      JSON.stringify(parseBlock(await files.read(`${FOLDER}/${name}`, 0xfffff))?.state),
    );
    if (!(await Promise.all(left)).includes(kept))
      throw new Fault('the copy that counted was written over');
    if (after.readable < Math.max(before.readable, 1))
      throw new Fault('a readable copy is gone');
  },
};

export const bootTargets: readonly Target[] = [grubBlock, bootEnvironment];
