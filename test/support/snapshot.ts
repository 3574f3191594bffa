import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

/**
 * Everything below a folder, one row each: path → "file 0644 sha256", "directory 0755" or "link → target".
 * Two equal snapshots mean that nothing changed, byte for byte.
 */
export function snapshot(folder: string): Record<string, string> {
  if (!fs.existsSync(folder)) return {};
  const names = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  return Object.fromEntries(
    names.map((name) => [name, describe(path.join(folder, name))]),
  );
}

function describe(file: string): string {
  const info = fs.lstatSync(file);
  if (info.isSymbolicLink()) return `link → ${fs.readlinkSync(file)}`;
  const mode = `0${(info.mode & 0o7777).toString(8)}`;
  if (info.isDirectory()) return `directory ${mode}`;
  if (!info.isFile()) return `other ${mode}`;
  return `file ${mode} ${crypto.createHash('sha256').update(fs.readFileSync(file)).digest('hex')}`;
}
