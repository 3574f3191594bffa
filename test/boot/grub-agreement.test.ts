import t from 'tap';
import {
  LAST_GENERATION,
  encodeBlock,
  parseBlock,
} from '../../client/boot/grub-block.ts';
import { needs } from '../support/needs.ts';
import { mutate, seeded } from '../support/seeded.ts';
import { BLOCK_BYTES, blank, block } from './block.ts';
import { MACHINE_PROGRAMS, readsOf } from './machine.ts';
import { copyRows, generationRows, hostileRows, lyingRows, tornRows } from './rows.ts';

const SEED = 77;
const MUTANTS = 600;
const VALUES_END = 110;

/** Blocks that are odd in a way that somebody thought of. */
const ODD = [
  'qx_next=A\nqx_next=B\n',
  'junk\nqx_next=B\n',
  'qx_next\\\n=B\n',
  'qx_next=\\B\n',
  'qx_next=B\\\n\n',
  'qx_next=B\0C\n',
  'qx_next\0x=B\n',
  '#\\\nqx_next=B\n',
  '#\\\\\nqx_next=B\n',
  ' qx_next=B\n',
  'qx_next=B\r\n',
].map((text) => {
  const plain = block({ generation: 10_000_005, next: 'A', a: 'good-8', b: 'none' });
  const body = plain.toString('latin1', 25).replace('qx_next=A\n', () => text);
  return blank(BLOCK_BYTES, body.slice(0, BLOCK_BYTES - 25));
});

/** The last value ends with the file instead of its line. */
const UNENDED = (() => {
  const plain = block({ generation: 10_000_005, next: 'A', a: 'good-8', b: 'none' });
  const [body = '', end = ''] = plain.toString('latin1').split(/(qx_end=\d+)/);
  return Buffer.from(
    `${body}${'#'.repeat(BLOCK_BYTES)}\n`.slice(0, 900) + `\n${end}`,
    'latin1',
  );
})();

t.test(
  'GRUB and the client read the same from every block, whole or damaged',
  needs(...MACHINE_PROGRAMS),
  async (t) => {
    const chance = seeded(SEED);
    const rows = [copyRows(), generationRows(), tornRows(), hostileRows(), lyingRows()];
    const fromTable = rows.flat().flatMap(({ bytes }) => bytes);
    const good = block({ generation: 10_000_017, next: 'B', a: 'good-8', b: 'trial-3' });
    const mutants = Array.from({ length: MUTANTS }, () =>
      // Accidents among the values; the rest of a block is filling.
      Buffer.concat([
        mutate(good.subarray(0, VALUES_END), chance),
        good.subarray(VALUES_END),
      ]),
    );
    const blocks = unique([...ODD, UNENDED, ...mutants, ...fromTable]);
    const seen = await readsOf(t.testdir(), blocks);
    const different = blocks.filter((bytes, index) => ours(bytes) !== seen[index]);
    for (const bytes of different.slice(0, 5))
      t.comment(
        JSON.stringify([
          seen[blocks.indexOf(bytes)],
          ours(bytes),
          bytes.toString('latin1', 0, 200),
        ]),
      );
    t.equal(different.length, 0, `${blocks.length} blocks, seed ${SEED}`);
    t.ok(seen.filter((text) => text !== '').length > 20, 'some of them are whole');
    t.ok(seen.filter((text) => text === '').length > 200, 'most of them are not');
  },
);

function unique(blocks: readonly Buffer[]): Buffer[] {
  return [...new Map(blocks.map((bytes) => [bytes.toString('latin1'), bytes])).values()];
}

/** The values as GRUB prints them: "10000017 B good-8 trial-3", empty for null. */
function ours(bytes: Buffer): string {
  const value = parseBlock(bytes);
  if (value === null || value.generation > LAST_GENERATION) return '';
  const lines = encodeBlock(value).toString('latin1').split('\n').slice(1, 5);
  return lines.map((line) => line.split('=')[1]).join(' ');
}
