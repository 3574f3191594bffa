import { createHash } from 'node:crypto';
import type { Descriptor } from '../../client/format/shapes.ts';

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export function descriptorOf(bytes: Uint8Array): Descriptor {
  return { sha256: sha256Of(bytes), size: bytes.length };
}
