import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

/**
 * Mounts an overlay at the new folder `at`: `lower` is an image that is read-only, and what is written goes to a
 * layer beside. Gives what unmounts and removes it.
 */
export function mountOverlay(lower: string, at: string): () => void {
  const layers = `${at}-layers`;
  for (const name of ['upper', 'work'])
    fs.mkdirSync(path.join(layers, name), { recursive: true });
  fs.mkdirSync(at);
  const folders = `lowerdir=${lower},upperdir=${layers}/upper,workdir=${layers}/work`;
  execFileSync('mount', ['-t', 'overlay', '-o', folders, 'quantix-test', at]);
  return () => {
    execFileSync('umount', [at]);
    fs.rmSync(layers, { recursive: true });
    fs.rmdirSync(at);
  };
}
