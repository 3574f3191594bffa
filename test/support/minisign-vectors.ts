import { readFileSync } from 'node:fs';

const FOLDER = new URL('../vectors/minisign/', import.meta.url);

/** Bytes of a vector: `vector('stock/plain.pub')`. test/vectors/README.md says what each is. */
export function vector(name: string): Buffer {
  return readFileSync(new URL(name, FOLDER));
}
