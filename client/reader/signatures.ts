import { createHash } from 'node:crypto';
import { QxError } from '../format/error.ts';
import { LIMITS } from '../format/limits.ts';
import { parseSignatures, type SignatureBlock } from '../format/minisign/signature.ts';
import { signaturePath } from '../format/tree.ts';
import type { Source } from './source.ts';

export function sha256Hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The published signatures of the file with this digest; none when nothing readable is there. */
export async function readSignatures(
  source: Source,
  sha256: string,
  signal?: AbortSignal,
): Promise<SignatureBlock[]> {
  return readSignatureFile(source, signaturePath(sha256), signal);
}

/** Blocks of one .minisig file. A missing file has none; one that cannot be read throws QxError. */
export async function readSignatureFile(
  source: Source,
  path: string,
  signal?: AbortSignal,
): Promise<SignatureBlock[]> {
  const fetched = await source.get(path, {
    maxBytes: LIMITS.signatureBytes,
    fresh: true,
    signal,
  });
  if (fetched.status !== 'found') return [];
  try {
    return parseSignatures(fetched.bytes, path);
  } catch (error) {
    throw error instanceof QxError ? error.with({ where: fetched.url }) : error;
  }
}
