import type { PublicKey } from '../../client/format/minisign/public-key.ts';
import type { SecretKey } from '../../client/format/minisign/secret-key.ts';
import { type SignatureBlock, sign } from '../../client/format/minisign/signature.ts';

/** Who can sign with one key, whether its secret is at hand or in a place of its own. */
export interface Signer {
  /** 16 upper-case hex digits, as minisign prints it. */
  id: string;
  publicKey: PublicKey;
  /** A signature of these bytes that verifies under `publicKey`. */
  sign(bytes: Uint8Array, trustedComment: string): Promise<SignatureBlock>;
}

/** A key whose secret this program has read. */
export function keySigner(key: SecretKey): Signer {
  const { id, publicKey } = key;
  return {
    id,
    publicKey,
    sign: (bytes, trustedComment) =>
      Promise.resolve(sign(key, bytes, { trustedComment })),
  };
}
