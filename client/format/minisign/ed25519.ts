import {
  createPrivateKey,
  createPublicKey,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto';

// RFC 8410: what stands before the 32 bytes in DER.
const PUBLIC_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const PRIVATE_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Plain Ed25519 (RFC 8032); false for a signature of another length too. */
export function verifyEd25519(
  publicKey: Uint8Array,
  data: Uint8Array,
  signature: Uint8Array,
): boolean {
  const der = Buffer.concat([PUBLIC_PREFIX, publicKey]);
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
  return signature.length === 64 && verify(null, data, key, signature);
}

export function signEd25519(seed: Uint8Array, data: Uint8Array): Buffer {
  return sign(null, data, privateKey(seed));
}

/** The 32 bytes of the public key that belongs to a seed. */
export function publicKeyOfSeed(seed: Uint8Array): Buffer {
  const der = createPublicKey(privateKey(seed)).export({ format: 'der', type: 'spki' });
  return Buffer.from(der.subarray(PUBLIC_PREFIX.length));
}

function privateKey(seed: Uint8Array): KeyObject {
  const der = Buffer.concat([PRIVATE_PREFIX, seed]);
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
}
