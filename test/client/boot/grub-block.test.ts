import t from 'tap';
import { type BootState, SLOTS, TRIES } from '../../../client/boot/boot-state.ts';
import {
  BLOCK_BYTES,
  FIRST_GENERATION,
  LAST_GENERATION,
  encodeBlock,
  parseBlock,
} from '../../../client/boot/grub-block.ts';
import { blank, block } from '../../boot/block.ts';
import { mutateBytes, pick } from '../../support/mutate.ts';
import { seeded } from '../../support/seeded.ts';

const SEED = 20260131;
const STATE: BootState = {
  next: 'B',
  slots: { A: { kind: 'good', triesLeft: 8 }, B: { kind: 'trial', triesLeft: 3 } },
};

t.test('a block is GRUB\u2019s own, byte for byte', (t) => {
  const expected = [
    '# GRUB Environment Block',
    'qx_generation=10000017',
    'qx_next=B',
    'qx_a=good-8',
    'qx_b=trial-3',
    'qx_end=10000017',
    '',
  ].join('\n');
  const bytes = encodeBlock({ generation: 10_000_017, state: STATE });
  t.equal(bytes.toString(), expected.padEnd(BLOCK_BYTES, '#'));
  t.end();
});

t.test('every state comes back, and what it says lies in the first sector', (t) => {
  const kinds = (['good', 'trial', 'bad', 'none'] as const).flatMap((kind) => {
    const most = kind === 'good' || kind === 'trial' ? TRIES[kind] : 0;
    return Array.from({ length: most + 1 }, (_, triesLeft) => ({ kind, triesLeft }));
  });
  for (const next of SLOTS)
    for (const A of kinds)
      for (const B of kinds)
        for (const generation of [FIRST_GENERATION, LAST_GENERATION]) {
          const value = { generation, state: { next, slots: { A, B } } };
          const bytes = encodeBlock(value);
          if (JSON.stringify(parseBlock(bytes)) !== JSON.stringify(value))
            t.fail(bytes.toString());
          if (/[^#]/.test(bytes.toString('latin1', 512))) t.fail('beyond 512 bytes');
        }
  t.equal(kinds.length, 15);
  t.end();
});

t.test('a damaged block is null or another whole value, and nothing is thrown', (t) => {
  const chance = seeded(SEED);
  const donors = ['none', 'good-0', 'trial-1'].map((a) =>
    block({ generation: 10_000_099, next: 'A', a, b: 'bad' }),
  );
  const original = encodeBlock({ generation: 10_000_017, state: STATE });
  let whole = 0;
  for (let count = 0; count < 20_000; count += 1) {
    const mutant = mutateBytes(chance, original, pick(chance, donors));
    const value = parseBlock(mutant);
    if (value === null) continue;
    whole += 1;
    const again = JSON.stringify(parseBlock(encodeBlock(value)));
    if (again !== JSON.stringify(value)) t.fail(`seed ${SEED}, mutant ${count}`);
  }
  t.ok(whole > 100 && whole < 20_000, `${whole} of 20000 are whole`);
  t.end();
});

t.test('no length and no filling is too odd', (t) => {
  for (const filling of ['#', '\0', '\\', '=', '\n', 'x'])
    for (const length of [0, 1, 24, 25, 26, 511, 1023, 1024, 4096])
      t.equal(parseBlock(Buffer.alloc(length, filling)), null);
  for (const text of ['=', '\\', 'a=\\', 'qx_next=\\\n', '\\\n='])
    t.equal(parseBlock(blank(BLOCK_BYTES, text)), null);
  t.end();
});
