import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import {
  type Component,
  encodeManifest,
  type Manifest,
} from '../../client/format/manifest.ts';
import { publicKeyLine } from '../../client/format/minisign/public-key.ts';
import {
  makeSecretKey,
  type SecretKey,
} from '../../client/format/minisign/secret-key.ts';
import { encodeSignatures, sign } from '../../client/format/minisign/signature.ts';
import { encodePointer, type Pointer } from '../../client/format/pointer.ts';
import { encodeRoot, type Root } from '../../client/format/root.ts';
import * as tree from '../../client/format/tree.ts';

/**
 * A publisher without scruples: writes a tree with the kernel alone, signs whatever it is told to sign and
 * lets every document, signature and object be wrong in any way. The generator would refuse most of it.
 */
export interface Forge {
  /** The folder that is served. */
  dir: string;
  keys: { root: SecretKey; release: SecretKey; channel: SecretKey; stranger: SecretKey };
  root: Root;
  rootBytes: Buffer;
  /** Writes a file of the tree. */
  put(file: string, bytes: string | Uint8Array): void;
  remove(file: string): void;
  read(file: string): Buffer;
  /** Stores bytes as an object and gives the source of a manifest. */
  object(bytes: Buffer, encoding?: 'identity' | 'br'): Source;
  /** Publishes bytes as a manifest, signed by the release key, and gives its descriptor. */
  manifest(bytes: Buffer, signer?: SecretKey | null): { sha256: string; size: number };
  /** Publishes bytes as the pointer of quantix-os stable. */
  pointer(bytes: Buffer, signer?: SecretKey | null): void;
  /** One file component and its pointer, every field open to change. */
  release(options?: ReleaseOptions): {
    manifest: Manifest;
    pointer: Pointer;
    object: Source;
  };
}

export interface ReleaseOptions {
  version?: string;
  content?: Buffer;
  encoding?: 'identity' | 'br';
  serial?: number;
  component?: Partial<Manifest['components'][number]>;
  manifest?: Partial<Manifest>;
  pointer?: Partial<Pointer>;
  /** Changes the bytes before they are signed. */
  editManifest?: (bytes: Buffer) => Buffer;
  editPointer?: (bytes: Buffer) => Buffer;
}

type Source = Manifest['components'][number]['sources'][number];

export const sha256 = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex');

/** Keys that are the same in every run: `seed` tells them apart. */
export function fixedKey(seed: number): SecretKey {
  return makeSecretKey(Buffer.alloc(8, seed), Buffer.alloc(32, seed));
}

export const YEARS_AWAY = '2099-01-01T00:00:00Z';

export function makeForge(dir: string, repository = 'example'): Forge {
  const keys = {
    root: fixedKey(1),
    release: fixedKey(2),
    channel: fixedKey(3),
    stranger: fixedKey(9),
  };
  const role = (key: SecretKey) => ({ keys: [key.id], threshold: 1 });
  const root: Root = {
    type: 'root',
    format: 1,
    repository,
    version: 1,
    expires: YEARS_AWAY,
    keys: Object.fromEntries(
      [keys.root, keys.release, keys.channel].map((key) => [
        key.id,
        publicKeyLine(key.publicKey),
      ]),
    ),
    roles: {
      root: role(keys.root),
      release: role(keys.release),
      channel: role(keys.channel),
    },
  };
  const put = (file: string, bytes: string | Uint8Array): void => {
    fs.mkdirSync(path.dirname(path.join(dir, file)), { recursive: true });
    fs.writeFileSync(path.join(dir, file), bytes);
  };
  const signInto = (file: string, bytes: Uint8Array, signer: SecretKey | null): void => {
    if (signer === null) return;
    const block = sign(signer, bytes, { trustedComment: 'timestamp:0\tfile:x\thashed' });
    put(file, encodeSignatures([block]));
  };
  const rootBytes = encodeRoot(root);
  put(tree.rootPath(1), rootBytes);
  signInto(tree.signaturePath(sha256(rootBytes)), rootBytes, keys.root);
  const forge: Forge = {
    dir,
    keys,
    root,
    rootBytes,
    put,
    remove: (file) => {
      fs.rmSync(path.join(dir, file), { force: true, recursive: true });
    },
    read: (file) => fs.readFileSync(path.join(dir, file)),
    object: (bytes, encoding = 'identity') => {
      const stored = encoding === 'br' ? brotliCompressSync(bytes) : bytes;
      const descriptor = { sha256: sha256(stored), size: stored.length };
      put(tree.objectPath(descriptor.sha256), stored);
      return { type: 'full', encoding, ...descriptor };
    },
    manifest: (bytes, signer = keys.release) => {
      const descriptor = { sha256: sha256(bytes), size: bytes.length };
      put(tree.manifestPath(descriptor.sha256), bytes);
      signInto(tree.signaturePath(descriptor.sha256), bytes, signer);
      return descriptor;
    },
    pointer: (bytes, signer = keys.channel) => {
      put(tree.pointerPath('quantix-os', 'stable'), bytes);
      signInto(tree.signaturePath(sha256(bytes)), bytes, signer);
    },
    release: (options = {}) => publish(forge, options),
  };
  return forge;
}

/** The component that most tests install: one file at /data/bin/qx-node. */
export function nodeFrom(version: string, content: Buffer, source: Source): Component {
  return {
    name: 'qx-node',
    version,
    kind: 'file',
    install_path: '/data/bin/qx-node',
    permissions: '0755',
    content: { sha256: sha256(content), size: content.length },
    sources: [source],
  };
}

function publish(forge: Forge, options: ReleaseOptions) {
  const version = options.version ?? '1.0.0';
  const content = options.content ?? Buffer.from(`#!/bin/sh\necho ${version}\n`);
  const object = forge.object(content, options.encoding);
  const keep = (bytes: Buffer): Buffer => bytes;
  const manifest: Manifest = {
    type: 'manifest',
    format: 1,
    repository: forge.root.repository,
    product: 'quantix-os',
    version,
    release: 1,
    release_date: '2026-01-01T00:00:00Z',
    update_type: 'component',
    arch: 'any',
    components: [{ ...nodeFrom(version, content, object), ...options.component }],
    ...options.manifest,
  };
  const bytes = (options.editManifest ?? keep)(encodeManifest(manifest));
  const issued = new Date(Date.now() - 60_000);
  const expires = new Date(issued.getTime() + 90 * 86_400_000);
  const stamp = (date: Date): string => `${date.toISOString().slice(0, 19)}Z`;
  const pointer: Pointer = {
    type: 'pointer',
    format: 1,
    repository: forge.root.repository,
    product: 'quantix-os',
    channel: 'stable',
    serial: options.serial ?? 1,
    version,
    manifests: { any: forge.manifest(bytes) },
    issued: stamp(issued),
    expires: stamp(expires),
    root: 1,
    ...options.pointer,
  };
  forge.pointer((options.editPointer ?? keep)(encodePointer(pointer)));
  return { manifest, pointer, object };
}
