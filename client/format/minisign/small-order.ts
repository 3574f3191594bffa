const P = 2n ** 255n - 19n;

/** y of the points whose order divides 8; both signs of x are meant. */
const SMALL_ORDER_Y = new Set([
  0n,
  1n,
  P - 1n,
  2707385501144840649318225287225658788936804267575313519463743609750303402022n,
  55188659117513257062467267217118295137698188065244968500265048394206261417927n,
]);

/**
 * Whether 32 bytes encode a point of small order, or no y below 2^255 - 19 at all.
 * OpenSSL verifies with such a key a signature that fits any message, without a secret.
 */
export function isWeakPublicKey(bytes: Uint8Array): boolean {
  const y = littleEndian(bytes) & (2n ** 255n - 1n);
  return y >= P || SMALL_ORDER_Y.has(y);
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
}
