/** Reproducible chance for tests: the same seed, the same numbers. Print the seed with a failure. */
export interface Chance {
  /** A whole number from 0 to below `end`. */
  below(end: number): number;
  bytes(count: number): Buffer;
}

/** mulberry32 */
export function seeded(seed: number): Chance {
  let state = seed | 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return (x ^ (x >>> 14)) >>> 0;
  };
  const below = (end: number): number => next() % end;
  return {
    below,
    bytes: (count) => Buffer.from(Array.from({ length: count }, () => below(256))),
  };
}

/** `bytes` after one small accident, never equal to them. */
export function mutate(bytes: Uint8Array, chance: Chance): Buffer {
  for (;;) {
    const mutant = ACCIDENTS[chance.below(ACCIDENTS.length)]?.(
      Buffer.from(bytes),
      chance,
    );
    if (mutant !== undefined && !mutant.equals(bytes)) return mutant;
  }
}

type Accident = (bytes: Buffer, chance: Chance) => Buffer;

const ACCIDENTS: readonly Accident[] = [
  function flipBit(bytes, chance) {
    const at = chance.below(bytes.length);
    bytes.writeUInt8((bytes[at] ?? 0) ^ (1 << chance.below(8)), at);
    return bytes;
  },
  function replaceByte(bytes, chance) {
    bytes.writeUInt8(chance.below(256), chance.below(bytes.length));
    return bytes;
  },
  function swapNeighbours(bytes, chance) {
    const at = chance.below(bytes.length - 1);
    bytes.subarray(at, at + 2).reverse();
    return bytes;
  },
  function insert(bytes, chance) {
    const at = chance.below(bytes.length + 1);
    const extra = chance.bytes(1 + chance.below(4));
    return Buffer.concat([bytes.subarray(0, at), extra, bytes.subarray(at)]);
  },
  function insertWhitespace(bytes, chance) {
    const at = chance.below(bytes.length + 1);
    const space = Buffer.from('\n\r\t \0'[chance.below(5)] ?? ' ');
    return Buffer.concat([bytes.subarray(0, at), space, bytes.subarray(at)]);
  },
  function remove(bytes, chance) {
    const at = chance.below(bytes.length);
    return Buffer.concat([
      bytes.subarray(0, at),
      bytes.subarray(at + 1 + chance.below(8)),
    ]);
  },
  function cutShort(bytes, chance) {
    return bytes.subarray(0, chance.below(bytes.length));
  },
  function repeat(bytes, chance) {
    const from = chance.below(bytes.length);
    const to = from + 1 + chance.below(bytes.length - from);
    return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
  },
];
