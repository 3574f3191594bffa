/**
 * BLAKE2b (RFC 7693) without a key and with any length of digest. node:crypto has only 512 bits,
 * and the checksum in a secret key file is 256. Slow; meant for a few hundred bytes.
 */
export function blake2b(data: Uint8Array, digestBytes: number): Buffer {
  const h = [...IV];
  h[0] = at(h, 0) ^ 0x01010000n ^ BigInt(digestBytes);
  const blocks = Math.max(1, Math.ceil(data.length / BLOCK));
  for (let index = 0; index < blocks; index += 1) {
    const block = Buffer.alloc(BLOCK);
    block.set(data.subarray(index * BLOCK, (index + 1) * BLOCK));
    const last = index === blocks - 1;
    compress(h, block, BigInt(last ? data.length : (index + 1) * BLOCK), last);
  }
  const out = Buffer.alloc(64);
  h.forEach((word, index) => out.writeBigUInt64LE(word, index * 8));
  return out.subarray(0, digestBytes);
}

const BLOCK = 128;
const MASK = 2n ** 64n - 1n;

const IV = [
  0x6a09e667f3bcc908n,
  0xbb67ae8584caa73bn,
  0x3c6ef372fe94f82bn,
  0xa54ff53a5f1d36f1n,
  0x510e527fade682d1n,
  0x9b05688c2b3e6c1fn,
  0x1f83d9abfb41bd6bn,
  0x5be0cd19137e2179n,
];

const SIGMA = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

/** Columns, then diagonals: which four words of the state each step of a round mixes. */
const LANES: readonly (readonly [number, number, number, number])[] = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
];

function compress(h: bigint[], block: Buffer, count: bigint, last: boolean): void {
  const m = Array.from({ length: 16 }, (_, index) => block.readBigUInt64LE(index * 8));
  const v = [...h, ...IV];
  v[12] = at(v, 12) ^ count;
  if (last) v[14] = at(v, 14) ^ MASK;
  for (let round = 0; round < 12; round += 1) {
    const order = SIGMA[round % 10] ?? [];
    LANES.forEach((lane, step) => {
      mix(v, lane, at(m, order[2 * step] ?? 0), at(m, order[2 * step + 1] ?? 0));
    });
  }
  for (let index = 0; index < 8; index += 1)
    h[index] = at(h, index) ^ at(v, index) ^ at(v, index + 8);
}

function mix(
  v: bigint[],
  lane: readonly [number, number, number, number],
  x: bigint,
  y: bigint,
): void {
  const [a, b, c, d] = lane;
  v[a] = (at(v, a) + at(v, b) + x) & MASK;
  v[d] = rotateRight(at(v, d) ^ at(v, a), 32n);
  v[c] = (at(v, c) + at(v, d)) & MASK;
  v[b] = rotateRight(at(v, b) ^ at(v, c), 24n);
  v[a] = (at(v, a) + at(v, b) + y) & MASK;
  v[d] = rotateRight(at(v, d) ^ at(v, a), 16n);
  v[c] = (at(v, c) + at(v, d)) & MASK;
  v[b] = rotateRight(at(v, b) ^ at(v, c), 63n);
}

function rotateRight(word: bigint, bits: bigint): bigint {
  return ((word >> bits) | (word << (64n - bits))) & MASK;
}

function at(words: readonly bigint[], index: number): bigint {
  return words[index] ?? 0n;
}
