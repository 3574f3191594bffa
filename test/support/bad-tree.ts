import fs from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import path from 'node:path';
import type { SecretKey } from '../../client/format/minisign/secret-key.ts';
import { encodeSignatures, sign } from '../../client/format/minisign/signature.ts';
import { encodeRoot, type Root } from '../../client/format/root.ts';
import { rootPath, signaturePath } from '../../client/format/tree.ts';
import { type Forge, type ReleaseOptions, sha256 } from './forge.ts';
import type { Handler } from './web.ts';

/** What rows of bad input publish, and the servers that they publish it on. */

export type Publish = (forge: Forge) => Intercept | undefined | void;

/** True when it has answered the request. */
export type Intercept = (
  path: string,
  reply: ServerResponse,
  request: IncomingMessage,
) => boolean;

/** Release 1.1.0 of the same component, as it should be but for the changes. */
export function nextRelease(
  forge: Forge,
  options: ReleaseOptions = {},
): ReturnType<Forge['release']> {
  return forge.release({
    version: '1.1.0',
    serial: 2,
    ...options,
    manifest: { release: 2, floor: 2, ...options.manifest },
  });
}

/** Root 2, signed by the root key unless told otherwise. */
export function nextRoot(
  forge: Forge,
  changes: Partial<Root>,
  signer: SecretKey | null = forge.keys.root,
): void {
  const bytes = encodeRoot({ ...forge.root, version: 2, ...changes });
  forge.put(rootPath(2), bytes);
  if (signer === null) return;
  const block = sign(signer, bytes, { trustedComment: 'root' });
  forge.put(signaturePath(sha256(bytes)), encodeSignatures([block]));
}

export function serveTree(dir: string, intercept?: Intercept | void): Handler {
  return (request, reply) => {
    const wanted = new URL(request.url ?? '/', 'http://host').pathname;
    if (intercept?.(wanted, reply, request) === true) return;
    const file = path.join(dir, wanted);
    const there = fs.statSync(file, { throwIfNoEntry: false })?.isFile() === true;
    if (!there) return void reply.writeHead(404).end('not here');
    const bytes = fs.readFileSync(file);
    reply.writeHead(200, { 'content-length': bytes.length }).end(bytes);
  };
}

/** A document's bytes with fields set anew (undefined takes one out), signed or not by the caller. */
export function withFields(bytes: Uint8Array, fields: Record<string, unknown>): Buffer {
  const document = JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown>;
  return Buffer.from(`${JSON.stringify({ ...document, ...fields }, null, 2)}\n`);
}

/** `bytes` with one bit turned over, in the middle unless told otherwise. */
export function flipped(bytes: Uint8Array, at = Math.floor(bytes.length / 2)): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

/** Answers one path and leaves the rest to the static server. */
export function at(
  pattern: RegExp,
  answer: (reply: ServerResponse, request: IncomingMessage) => unknown,
): Intercept {
  return (wanted, reply, request) => {
    if (!pattern.test(wanted)) return false;
    answer(reply, request);
    return true;
  };
}

/** Writes until the client has had enough. */
export function endless(reply: ServerResponse): void {
  const piece = Buffer.alloc(16 * 1024, 'x');
  const more = (): void => {
    while (!reply.destroyed && reply.write(piece));
  };
  reply.writeHead(200);
  reply.on('drain', more);
  more();
}
