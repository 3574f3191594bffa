import { scryptSync } from 'node:crypto';
import { QxError } from '../error.ts';
import { LIMITS } from '../limits.ts';

/** What a secret key file asks of scrypt, in the units of libsodium. */
export interface ScryptLimits {
  ops: number;
  memoryBytes: number;
}

/** What minisign asks for: N = 2^20, r = 8, p = 1, which is 1 GiB and some seconds. */
export const STOCK_SCRYPT: ScryptLimits = {
  ops: LIMITS.scryptOps,
  memoryBytes: LIMITS.scryptMemoryBytes,
};

/** libsodium's OPSLIMIT_MIN and MEMLIMIT_MIN: N = 2^10, a megabyte. */
export const LEAST_SCRYPT: ScryptLimits = { ops: 32_768, memoryBytes: 16_777_216 };

const R = 8;

/** Whether a file may ask for this; more would be a way to exhaust the machine that reads it. */
export function isAllowed(limits: ScryptLimits): boolean {
  return (
    limits.ops >= LEAST_SCRYPT.ops &&
    limits.ops <= STOCK_SCRYPT.ops &&
    limits.memoryBytes >= LEAST_SCRYPT.memoryBytes &&
    limits.memoryBytes <= STOCK_SCRYPT.memoryBytes
  );
}

/** `length` bytes from a password, as libsodium's crypto_pwhash_scryptsalsa208sha256 makes them. */
export function deriveStream(
  password: Uint8Array,
  salt: Uint8Array,
  limits: ScryptLimits,
  length: number,
): Buffer {
  const { n, p } = pickParameters(limits);
  try {
    const maxmem = 128 * R * (n + p) + 2 * 1024 * 1024;
    return scryptSync(password, salt, length, { N: n, r: R, p, maxmem });
  } catch (cause) {
    throw new QxError('config', 'cannot derive the key from the password', {
      expected: `${128 * R * n} bytes of free memory`,
      cause,
    });
  }
}

/** libsodium's pickparams(): N from whichever limit is the tighter one, p from what work is left. */
function pickParameters({ ops, memoryBytes }: ScryptLimits): { n: number; p: number } {
  if (ops < memoryBytes / 32) return { n: powerOfTwo(ops / (R * 4)), p: 1 };
  const n = powerOfTwo(memoryBytes / (R * 128));
  return { n, p: Math.floor(ops / 4 / n / R) };
}

/** The first power of two, from 2 on, that is above half of `max`. */
function powerOfTwo(max: number): number {
  let n = 2;
  while (n <= max / 2) n *= 2;
  return n;
}
