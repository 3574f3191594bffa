import path from 'node:path';
import { nodeFiles } from '../../client/effects/files.ts';
import type { FileInfo, Files, OpenFile, OpenHow } from '../../client/effects/effects.ts';
import { QxError } from '../../client/format/error.ts';
import { Fault } from './engine.ts';

type Node =
  | { type: 'directory'; mode: number }
  | { type: 'file'; mode: number; bytes: Buffer }
  | { type: 'link'; mode: number; target: string };

/**
 * One folder in memory, for thousands of trees a second. Whatever is asked for outside of it, by a path that is
 * not in its shortest form, or through anything but real folders, is a fault.
 */
export function memoryFiles(root: string): Files & {
  put(path: string, bytes: Buffer): Promise<void>;
} {
  const nodes = new Map<string, Node>([[root, { type: 'directory', mode: 0o755 }]]);
  const find = (at: string): Node | undefined => {
    checkInside(nodes, root, at);
    return nodes.get(at);
  };
  const fileAt = (at: string): Node & { type: 'file' } => {
    const node = find(at);
    if (node?.type !== 'file') throw failed('ENOENT');
    return node;
  };
  const make = (at: string, node: Node): void => {
    if (find(at) !== undefined) throw failed('EEXIST');
    nodes.set(at, node);
  };
  const bodyOf = (at: string, how: OpenHow, mode = 0o644): Node & { type: 'file' } => {
    if (how === 'create') make(at, { type: 'file', mode, bytes: Buffer.alloc(0) });
    return fileAt(at);
  };
  return {
    ...nodeFiles(),
    put: async (at, bytes) => make(at, { type: 'file', mode: 0o644, bytes }),
    read: async (at, maxBytes) => {
      const { bytes } = fileAt(at);
      if (bytes.length > maxBytes) throw new QxError('malformed', 'too long');
      return bytes;
    },
    info: async (at) => infoOf(find(at)),
    list: async (at) =>
      [...nodes.keys()]
        .filter((each) => each !== at && path.posix.dirname(each) === at)
        .map((each) => path.posix.basename(each))
        .sort(),
    readLink: async (at) => {
      const node = find(at);
      if (node?.type !== 'link') throw failed('EINVAL');
      return node.target;
    },
    open: async (at, how, mode) => openFile(bodyOf(at, how, mode)),
    makeDirectory: async (at, mode = 0o755) => make(at, { type: 'directory', mode }),
    makeLink: async (target, at) => make(at, { type: 'link', mode: 0o777, target }),
    setMode: async (at, mode) => {
      const node = find(at);
      if (node === undefined) throw failed('ENOENT');
      node.mode = mode;
    },
    rename: async (from, to) => {
      const node = fileAt(from);
      find(to);
      nodes.delete(from);
      nodes.set(to, node);
    },
    remove: async (at) => {
      if (find(at) !== undefined) nodes.delete(at);
    },
    syncDirectory: async (at) => void find(at),
  };
}

function checkInside(nodes: Map<string, Node>, root: string, at: string): void {
  if (at === root) return;
  if (path.posix.normalize(at) !== at || !at.startsWith(`${root}/`) || at.includes('\0'))
    throw new Fault(`leaves its folder: ${JSON.stringify(at)}`);
  const parent = path.posix.dirname(at);
  checkInside(nodes, root, parent);
  if (nodes.get(parent)?.type === 'link')
    throw new Fault(`goes through a link: ${JSON.stringify(at)}`);
  if (nodes.get(parent)?.type !== 'directory') throw failed('ENOTDIR');
}

function infoOf(node: Node | undefined): FileInfo | null {
  if (node === undefined) return null;
  const size = node.type === 'file' ? node.bytes.length : 0;
  const { type, mode } = node;
  return { type, size, mode, modifiedMs: 0, changedMs: 0 };
}

function openFile(node: Node & { type: 'file' }): OpenFile {
  let end = 0;
  return {
    read: async (buffer, position) =>
      node.bytes.copy(buffer, 0, Math.min(position, node.bytes.length)),
    write: async (bytes, position = end) => {
      end = position + bytes.length;
      const whole = Buffer.alloc(Math.max(end, node.bytes.length));
      node.bytes.copy(whole);
      whole.set(bytes, position);
      node.bytes = whole;
    },
    sync: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

function failed(code: string): Error {
  return Object.assign(new Error(code), { code });
}
