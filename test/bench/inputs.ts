import { createCipheriv } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { ROOT } from '../support/setup.mjs';

const MiB = 1024 * 1024;

/** A file that does not compress, so that a host downloads every byte of it. The same `seed`, the same bytes. */
export function writeNoise(file: string, bytes: number, seed: number): void {
  const iv = Buffer.alloc(16);
  iv.writeUInt32BE(seed);
  const noise = createCipheriv('aes-128-ctr', Buffer.alloc(16, 7), iv);
  const out = fs.openSync(file, 'w', 0o755);
  for (let left = bytes; left > 0; left -= MiB) {
    fs.writeSync(out, noise.update(Buffer.alloc(Math.min(left, MiB))));
  }
  fs.closeSync(out);
}

/**
 * A real program of `bytes` bytes: that much of node's own binary, whose code, tables and embedded scripts
 * compress as those of an appliance's programs do. `at` is where it begins, as a part of what there is.
 */
export function writeProgram(file: string, bytes: number, at: number): void {
  const binary = fs.openSync(process.execPath, 'r');
  const room = fs.fstatSync(binary).size - bytes;
  if (room < 0) throw new Error(`${process.execPath} has less than ${bytes} bytes`);
  const buffer = Buffer.alloc(bytes);
  fs.readSync(binary, buffer, 0, bytes, Math.floor(room * at));
  fs.closeSync(binary);
  fs.writeFileSync(file, buffer, { mode: 0o755 });
}

/** A text that changes with `seed`: a part of a real script behind a line of its own. */
export function writeScript(file: string, bytes: number, seed: number): void {
  script ??= fs.readFileSync(
    path.join(ROOT, 'node_modules/typescript/lib/typescript.js'),
  );
  const at = (seed * 7919 * bytes) % (script.length - bytes);
  const head = Buffer.from(`// build ${seed}\n`);
  fs.writeFileSync(file, Buffer.concat([head, script.subarray(at, at + bytes)]), {
    mode: 0o755,
  });
}

let script: Buffer | undefined;
