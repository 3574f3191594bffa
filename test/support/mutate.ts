import type { Chance } from './seeded.ts';

const TOKENS = [
  ...['{', '}', '[', ']', ',', ':', '"', '\\', '\0', '\ufeff', '\u2028', ' '.repeat(100)],
  ...[
    'null',
    'true',
    '-1',
    '0',
    '-0',
    '1e400',
    '1e-400',
    '9007199254740993',
    '0.1',
    '1E3',
  ],
  ...['"\\ud800"', '"\\u0000"', '"__proto__":{},', '"constructor":1,', '"type":"root",'],
  ...['../', '//', '/..', '"critical":["x"],', '"critical":[],', '{"a":'.repeat(20)],
  ...['untrusted comment: ', 'trusted comment: ', '\n', '\r', '\r\n', 'ED', '='],
];

/** A value below this many lists. */
const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)]);

const VALUES: unknown[] = [
  ...[null, true, false, 0, 1, -1, 0.5, 1e15, 2 ** 53 - 1, '', 'a', '1', '.', '..', 'A'],
  ...[2 ** 53, 2 ** 31, -(2 ** 53), 1e21, 1e300, 1e-7, deep(12), deep(15), deep(200)],
  ...['a'.repeat(65), '0'.repeat(2000), '\u2028', '9'.repeat(30), 'channel/stable', '-1'],
  ...['1.0.0', '1.0.0-1', '1.0.0+1', '2026-02-30T00:00:00Z', '2030-01-01T00:00:00Z'],
  ...['/', '/a', '/a/../b', 'any', '*', 'https://x', '0755', 'ab'.repeat(32), '\ud800'],
  ...[[], {}, [[]], ['paused'], { any: {} }, { constructor: 1 }, { a: { b: { c: [] } } }],
];

/** One to four changes to the bytes; now and then the very same bytes come back. */
export function mutateBytes(chance: Chance, bytes: Buffer, donor: Buffer): Buffer {
  let result = bytes;
  for (let left = 1 + chance.below(4); left > 0; left -= 1) {
    result = mutateOnce(chance, result, donor);
  }
  return result;
}

function mutateOnce(chance: Chance, bytes: Buffer, donor: Buffer): Buffer {
  const at = chance.below(bytes.length + 1);
  const length = chance.below(5) > 0 ? chance.below(8) : chance.below(bytes.length + 1);
  const replace = (piece: Buffer, removed: number): Buffer =>
    Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at + removed)]);
  const changes: (() => Buffer)[] = [
    () => replace(Buffer.from([(bytes[at] ?? 0) ^ (1 << chance.below(8))]), 1),
    () => replace(Buffer.from([chance.below(256)]), 1),
    () => replace(Buffer.alloc(0), length),
    () => replace(Buffer.from(pick(chance, TOKENS)), chance.below(3)),
    () => replace(bytes.subarray(at, at + length), 0),
    () => replace(slice(chance, donor), length),
    () => replace(Buffer.from(`${chance.below(10)}`), 1),
    () => bytes.subarray(0, at),
  ];
  return pick(chance, changes)();
}

/** One or two values somewhere inside the document replaced, removed, added or moved. */
export function mutateJson(chance: Chance, bytes: Buffer, donor: Buffer): Buffer {
  const document: unknown = JSON.parse(bytes.toString());
  const others = nodesOf(donor);
  for (let left = 1 + chance.below(2); left > 0; left -= 1) {
    const inside = nodes(document);
    if (inside.length === 0) break;
    const { parent, key } = pick(chance, inside);
    const value =
      chance.below(2) === 0
        ? pick(chance, VALUES)
        : (valueAt(pick(chance, others)) ?? null);
    const changes: (() => void)[] = [
      () => void (parent[key] = structuredClone(value)),
      () => void Reflect.deleteProperty(parent, key),
      () => void (parent[pick(chance, ['x', '0', 'any', key])] = structuredClone(value)),
    ];
    pick(chance, changes)();
  }
  return Buffer.from(JSON.stringify(document));
}

/** One to three lines dropped, doubled, moved, or taken from another text. */
export function mutateLines(chance: Chance, bytes: Buffer, donor: Buffer): Buffer {
  const lines = bytes.toString('latin1').split('\n');
  const others = donor.toString('latin1').split('\n');
  for (let left = 1 + chance.below(3); left > 0; left -= 1) {
    const at = chance.below(lines.length + 1);
    const line = lines[chance.below(lines.length)] ?? '';
    const changes: (() => void)[] = [
      () => void lines.splice(at, 1),
      () => void lines.splice(at, 0, line),
      () => void lines.splice(at, 1, line),
      () => void lines.splice(at, chance.below(2), pick(chance, others)),
      () => void lines.splice(at, 0, ...lines.slice(at, at + 1 + chance.below(12))),
    ];
    pick(chance, changes)();
  }
  return Buffer.from(lines.join('\n'), 'latin1');
}

interface Node {
  parent: Record<string, unknown>;
  key: string;
}

function nodes(value: unknown): Node[] {
  if (typeof value !== 'object' || value === null) return [];
  const parent = value as Record<string, unknown>;
  return Object.keys(parent).flatMap((key) => [{ parent, key }, ...nodes(parent[key])]);
}

const known = new WeakMap<Buffer, Node[]>();

/** Donors come again and again. */
function nodesOf(donor: Buffer): Node[] {
  const found = known.get(donor) ?? nodes(JSON.parse(donor.toString()));
  known.set(donor, found);
  return found;
}

function valueAt(node: Node): unknown {
  return node.parent[node.key];
}

function slice(chance: Chance, bytes: Buffer): Buffer {
  const start = chance.below(bytes.length + 1);
  return bytes.subarray(start, start + chance.below(80));
}

/** One of a list that is not empty. */
export function pick<T>(chance: Chance, list: readonly T[]): T {
  return list[chance.below(list.length)] as T;
}
