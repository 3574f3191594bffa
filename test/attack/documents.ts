import { publicKeyLine } from '../../client/format/minisign/public-key.ts';
import {
  makeSecretKey,
  type SecretKey,
} from '../../client/format/minisign/secret-key.ts';
import {
  encodeSignatures,
  sign,
  type SignatureBlock,
} from '../../client/format/minisign/signature.ts';
import { pointerPath, rootPath, signaturePath } from '../../client/format/tree.ts';
import { withFields } from '../support/bad-tree.ts';
import { type Forge, sha256 } from '../support/forge.ts';

/** Documents with any fields, signed by any keys. */

export const blockBy = (
  key: SecretKey,
  bytes: Uint8Array,
  trustedComment = 'story',
): SignatureBlock => sign(key, bytes, { trustedComment });

/** Lays the bytes down with these blocks, where a client looks for them. */
export function putBlocks(
  forge: Forge,
  path: string,
  bytes: Uint8Array,
  blocks: SignatureBlock[],
): void {
  forge.put(path, bytes);
  const signatures = signaturePath(sha256(bytes));
  if (blocks.length === 0) forge.remove(signatures);
  else forge.put(signatures, encodeSignatures(blocks));
}

export function putSigned(
  forge: Forge,
  path: string,
  bytes: Uint8Array,
  ...keys: SecretKey[]
): void {
  putBlocks(
    forge,
    path,
    bytes,
    keys.map((key) => blockBy(key, bytes)),
  );
}

/** Root `version`: the first one with these fields. */
export function putRoot(
  forge: Forge,
  version: number,
  fields: Record<string, unknown>,
  ...keys: SecretKey[]
): void {
  const bytes = withFields(forge.rootBytes, { version, ...fields });
  putSigned(forge, rootPath(version), bytes, ...keys);
}

export function putPointer(forge: Forge, bytes: Uint8Array, ...keys: SecretKey[]): void {
  putSigned(forge, pointerPath('quantix-os', 'stable'), bytes, ...keys);
}

/** The `keys` of a root. */
export function listed(...keys: SecretKey[]): Record<string, string> {
  return Object.fromEntries(keys.map((key) => [key.id, publicKeyLine(key.publicKey)]));
}

export function role(
  threshold: number,
  ...keys: SecretKey[]
): { keys: string[]; threshold: number } {
  return { keys: keys.map((key) => key.id), threshold };
}

/** The same key with another id: what would count twice towards a threshold. */
export function twinOf(key: SecretKey, id: number): SecretKey {
  return makeSecretKey(Buffer.alloc(8, id), key.seed);
}
