import fs from 'node:fs';
import path from 'node:path';
import type { Test } from 'tap';
import { parseManifest } from '../../client/format/manifest.ts';
import { parsePointer } from '../../client/format/pointer.ts';
import { sha256 } from '../support/forge.ts';
import { serve } from '../support/web.ts';
import { newWorkspace, ok, smallRelease } from './support.ts';

/** A workspace with two releases, one of which the channel names; copied for each fault. */
export async function published(dir: string): Promise<string> {
  const workspace = await newWorkspace(path.join(dir, 'workspace'));
  for (const version of ['1.0.0', '1.1.0']) {
    const release = smallRelease(path.join(dir, version), version);
    await ok(workspace, [
      'generate',
      '--version',
      version,
      '--channel',
      'stable',
      ...release,
    ]);
  }
  return workspace;
}

export interface Tree {
  dir: string;
  file(name: string): string;
  read(name: string): Buffer;
  edit(name: string, change: (bytes: Buffer) => Buffer | string): void;
  /** The manifest that stable names. */
  manifest: string;
  /** The signature of that manifest. */
  manifestSignature: string;
  /** The signature of the pointer under its digest. */
  pointerSignature: string;
  /** The largest object of that manifest. */
  object: string;
}

export const POINTER = 'channels/quantix-os/stable.json';

export function treeAt(dir: string): Tree {
  const file = (name: string): string => path.join(dir, name);
  const read = (name: string): Buffer => fs.readFileSync(file(name));
  const pointer = parsePointer(read(POINTER));
  const digest = Object.values(pointer.manifests)[0]?.sha256 ?? '';
  const manifest = parseManifest(read(`manifests/${digest}.json`));
  const sources = manifest.components[0]?.sources ?? [];
  const object = sources.find(({ encoding }) => encoding === 'br')?.sha256 ?? '';
  return {
    dir,
    file,
    read,
    edit: (name, change) => fs.writeFileSync(file(name), change(read(name))),
    manifest: `manifests/${digest}.json`,
    manifestSignature: `signatures/${digest}.minisig`,
    pointerSignature: `signatures/${sha256(read(POINTER))}.minisig`,
    object: `objects/${object.slice(0, 2)}/${object}`,
  };
}

export function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8((copy[at] ?? 0) ^ 1, at);
  return copy;
}

/** The 20th character of the second line, which is the signature itself. */
export function flippedSignature(bytes: Buffer): string {
  const lines = bytes.toString('latin1').split('\n');
  const line = lines[1] ?? '';
  lines[1] = `${line.slice(0, 30)}${line[30] === 'A' ? 'B' : 'A'}${line.slice(31)}`;
  return lines.join('\n');
}

/** The folder over HTTP, as a plain host serves it. */
export async function serveFolder(t: Test, folder: string): Promise<string> {
  const { url } = await serve(t, (request, reply) => {
    const file = path.join(folder, new URL(request.url ?? '/', 'http://x').pathname);
    if (!fs.existsSync(file) || fs.statSync(file).isDirectory())
      return reply.writeHead(404).end();
    reply.end(fs.readFileSync(file));
  });
  return url;
}
