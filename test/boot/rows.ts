import { BLOCK_BYTES, type Values, blank, block, lines } from './block.ts';
import type { Circumstances } from './machine.ts';
import type { Copy } from './model.ts';

/** One line of the table: what lies on the disk, and what the machine meets. */
export interface Row extends Circumstances {
  why: string;
  bytes: readonly [Buffer, Buffer];
  copies: readonly [Copy, Copy];
}

const GOOD = [8, 7, 6, 5, 4, 3, 2, 1, 0].map((left) => `good-${left}`);
const TRIAL = [3, 2, 1, 0].map((left) => `trial-${left}`);
export const STATES = [...GOOD, ...TRIAL, 'bad', 'none'];

const OLDER: Values = {
  generation: 10_000_198,
  next: 'A',
  a: 'good-8',
  b: 'trial-3',
};
const NEWER: Values = { ...OLDER, generation: 10_000_199, next: 'B', a: 'good-5' };

interface Piece {
  name: string;
  bytes: Buffer;
  copy: Copy;
}

function whole(values: Values, name = 'whole'): Piece {
  return { name, bytes: block(values), copy: { values, writable: true } };
}

function broken(name: string, bytes: Buffer, writable: boolean): Piece {
  return { name, bytes, copy: { values: null, writable } };
}

function row(why: string, pieces: readonly [Piece, Piece], met: Circumstances = {}): Row {
  const [zero, one] = pieces;
  const copyOf = ({ copy }: Piece): Copy => ({
    ...copy,
    writable: copy.writable && met.readOnly !== true,
  });
  return {
    why: `${why} | 0: ${zero.name} | 1: ${one.name} ${JSON.stringify(met)}`,
    bytes: [zero.bytes, one.bytes],
    copies: [copyOf(zero), copyOf(one)],
    ...met,
  };
}

/** Every state of one slot with every state of the other, each of them next; the newer copy in turn. */
export function stateRows(): Row[] {
  const pairs = STATES.flatMap((a) => STATES.map((b) => ({ a, b })));
  return pairs.flatMap(({ a, b }, index) =>
    (['A', 'B'] as const).map((next, turn) => {
      const older = whole(OLDER, 'older');
      const newer = whole({ ...NEWER, next, a, b }, `${next} ${a} ${b}`);
      const pieces = (index + turn) % 2 === 0 ? [older, newer] : [newer, older];
      return row('states', pieces as [Piece, Piece]);
    }),
  );
}

/** What can become of a copy, the first line being there or not. */
function wrecks(values: Values): Piece[] {
  const good = block(values);
  const with_ = (more: Record<string, string>): Buffer => {
    const generation = `${values.generation}`;
    const plain = { qx_next: values.next, qx_a: values.a, qx_b: values.b };
    return lines({ qx_generation: generation, ...plain, qx_end: generation, ...more });
  };
  return [
    broken('zeroed', Buffer.alloc(BLOCK_BYTES), false),
    broken('erased flash', Buffer.alloc(BLOCK_BYTES, 0xff), false),
    broken('text', Buffer.alloc(BLOCK_BYTES, 'lorem ipsum\n'), false),
    broken('first line damaged', Buffer.from(good).fill('X', 2, 3), false),
    broken('nothing but the first line', blank(BLOCK_BYTES), true),
    broken('first line, then zeroes', Buffer.from(good).fill(0, 25), false),
    broken('zeroes in its middle', Buffer.from(good).fill(0, 60, 70), true),
    broken('no room left', blank(BLOCK_BYTES, 'x'.repeat(999)).fill('\n', 1023), false),
    broken('other end', with_({ qx_end: '10000001' }), true),
    broken('no end', with_({ qx_end: '' }), true),
    broken('next is C', with_({ qx_next: 'C' }), true),
    broken('a good-9', with_({ qx_a: 'good-9' }), true),
    broken('b trial-4', with_({ qx_b: 'trial-4' }), true),
    broken('b empty', with_({ qx_b: '' }), true),
    broken('b missing', without(good, 'qx_b'), true),
  ];
}

function without(bytes: Buffer, name: string): Buffer {
  const text = bytes.toString('latin1').replace(new RegExp(`^${name}=.*\n`, 'm'), '');
  return Buffer.from(text.padEnd(BLOCK_BYTES, '#'), 'latin1');
}

/** Both copies in every condition, beside each other. */
export function copyRows(): Row[] {
  const olders = [whole(OLDER, 'older'), ...wrecks(OLDER)];
  const newers = [whole(NEWER, 'newer'), ...wrecks(NEWER)];
  return olders.flatMap((older, index) =>
    newers.map((newer, turn) =>
      row('copies', (index + turn) % 2 === 0 ? [older, newer] : [newer, older]),
    ),
  );
}

/** Numbers: ties, carries, jumps, the last one, and what is no number of ours. */
export function generationRows(): Row[] {
  const at = (generation: number): Piece =>
    whole({ ...NEWER, generation }, `${generation}`);
  const numbers = [
    10_000_000, 10_000_009, 10_000_099, 19_999_999, 89_999_999, 99_999_998,
  ];
  const pairs = [...numbers, 99_999_999].flatMap<[Piece, Piece]>((generation) => [
    [at(generation), whole({ ...OLDER, generation }, `the same, ${OLDER.next}`)],
    [whole({ ...OLDER, generation }, `${generation}, ${OLDER.next}`), at(generation)],
    [whole({ ...OLDER, generation: 10_000_000 }, '10000000'), at(generation)],
    [at(generation), whole({ ...OLDER, generation: 10_000_000 }, '10000000')],
  ]);
  const odd = ['0', '-1', '00000018', '010000199', '0x989680', '1000019', '100000199']
    .concat([
      '+10000199',
      ' 10000199',
      '10000199 ',
      '1e7',
      '99999999999999999999',
      'x0000199',
    ])
    .map((number) => {
      const { next, a, b } = NEWER;
      const values = { qx_generation: number, qx_next: next, qx_a: a, qx_b: b };
      return broken(`"${number}"`, lines({ ...values, qx_end: number }), true);
    });
  return [
    ...pairs.map((pair) => row('generation', pair)),
    ...odd.map((piece) => row('no generation', [piece, whole(OLDER, 'older')])),
  ];
}

/** A write over the older copy that broke off after every byte. */
export function tornRows(): Row[] {
  const before = block(OLDER);
  const current = { ...NEWER, b: 'trial-2' };
  const next = { ...OLDER, generation: 10_000_200, b: 'trial-1' };
  const after = block(next);
  const length = after.indexOf('\n#', 30) + 1;
  return Array.from({ length }, (_, cut) => {
    const bytes = Buffer.concat([after.subarray(0, cut), before.subarray(cut)]);
    const values = bytes.equals(before) ? OLDER : bytes.equals(after) ? next : null;
    const torn = { name: `torn at ${cut}`, bytes, copy: { values, writable: true } };
    return row('torn', [torn, whole(current)]);
  });
}

/** Values that somebody hopes GRUB would run, expand or choke on. */
export function hostileRows(): Row[] {
  const hostile = [
    '$(reboot)',
    '`reboot`',
    '${prefix}',
    '$next',
    '"',
    "'",
    '" ; reboot ; "',
  ]
    .concat([
      'A; reboot',
      'A\\',
      '\\\\',
      'A" -o "1" = "1',
      '!',
      '(',
      ')',
      '-f',
      '--help',
      '-n',
    ])
    .concat([
      '--set=1:read_next',
      'A B',
      ' A',
      'A ',
      'A\tB',
      '[AB]',
      '.',
      '*',
      '\\1',
      'a',
    ])
    .concat([
      'A\r',
      '=A',
      '{',
      '}',
      '#',
      'A|reboot',
      'A&reboot',
      '\u00e4',
      '\0',
      'A'.repeat(400),
    ]);
  const names = ['qx_generation', 'qx_next', 'qx_a', 'qx_b', 'qx_end'];
  return hostile.flatMap((value, index) => {
    const good = { ...NEWER, generation: `${NEWER.generation}` };
    const values: Record<string, string> = {
      ...{
        qx_generation: good.generation,
        qx_next: good.next,
        qx_a: good.a,
        qx_b: good.b,
      },
      qx_end: good.generation,
    };
    return [names[index % 5], 'qx_a'].map((name = '') => {
      // A value that ends in a backslash takes the next line's beginning into itself, and GRUB refuses to write there.
      const bytes = lines({ ...values, [name]: value });
      const piece = broken(`${name}=${JSON.stringify(value)}`, bytes, true);
      const older = whole(OLDER, 'older');
      return row('hostile', index % 2 === 0 ? [piece, older] : [older, piece]);
    });
  });
}

const FAILURES = [
  ...[[], ['linux-A'], ['linux-B'], ['initrd-A'], ['initrd-B'], ['boot']],
  ...[
    ['linux-A', 'linux-B'],
    ['linux-A', 'initrd-B'],
    ['initrd-A', 'linux-B'],
  ],
];
const SITUATIONS: [string, string, string][] = [
  ['A', 'good-8', 'good-8'],
  ['A', 'good-8', 'none'],
  ['B', 'good-8', 'trial-3'],
  ['B', 'good-0', 'trial-1'],
  ['B', 'none', 'trial-3'],
  ['A', 'trial-2', 'bad'],
  ['B', 'good-7', 'trial-0'],
  ['A', 'good-0', 'good-0'],
  ['B', 'trial-0', 'bad'],
  ['A', 'none', 'bad'],
  ['A', 'trial-3', 'trial-3'],
];

/** What cannot be loaded, and disks that cannot be written. */
export function failureRows(): Row[] {
  const wreck = broken('zeroed', Buffer.alloc(BLOCK_BYTES), false);
  return SITUATIONS.flatMap(([next = '', a = '', b = '']) =>
    FAILURES.flatMap((fails) => {
      const newer = whole({ ...NEWER, next, a, b }, `${next} ${a} ${b}`);
      return [
        row('failing', [newer, whole(OLDER, 'older')], { fails }),
        row('failing', [newer, whole(OLDER, 'older')], { fails, readOnly: true }),
        ...(fails.length < 2 ? [row('failing', [wreck, newer], { fails })] : []),
      ];
    }),
  ).concat(
    FAILURES.map((fails) => row('lost', [wreck, wreck], { fails })),
    FAILURES.map((fails) =>
      row('lost, read-only', [wreck, whole(OLDER)].reverse() as [Piece, Piece], {
        fails,
        readOnly: true,
      }),
    ),
  );
}

/** A copy that takes a write and shows another value: a name that stands twice, of which GRUB writes the first. */
export function lyingRows(): Row[] {
  const { generation, next, a, b } = OLDER;
  const doubled = blank(
    BLOCK_BYTES,
    `qx_generation=${generation}\nqx_next=${next}\nqx_a=${a}\nqx_b=${b}\nqx_end=${generation}\nqx_b=${b}\n`,
  );
  const liar: Piece = {
    name: 'qx_b twice',
    bytes: doubled,
    copy: { values: OLDER, writable: true, lies: true },
  };
  const wreck = broken('zeroed', Buffer.alloc(BLOCK_BYTES), false);
  const trial = whole({ ...NEWER, b: 'trial-2' }, 'B trial-2');
  return [
    row('lying', [liar, trial]),
    row('lying', [trial, liar]),
    row('lying', [
      { ...liar, copy: { ...liar.copy, values: { ...OLDER, next: 'A' } } },
      wreck,
    ]),
  ];
}
