import fs from 'node:fs';
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import path from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import type { Test } from 'tap';
import { type Intercept, serveTree } from '../support/bad-tree.ts';
import { serve } from '../support/web.ts';

/** What a server answers in the place of the file that was asked for. */
export type Lie = (reply: ServerResponse, request: IncomingMessage, dir: string) => void;

/** A web server over a signed tree that can lie in every way at every request. */
export interface Simulator {
  /** "http://127.0.0.1:PORT" */
  url: string;
  /** Paths that were asked for since the last call, in their order. */
  asked(): string[];
  /** From now on what matches is answered so. The lie that was told last counts. */
  lies(about: RegExp, lie: Lie): void;
  /** No more lies. */
  repents(): void;
  /** Keeps the tree as it is now, and gives what serves it again later, though signed files have moved on. */
  remember(): () => void;
}

export async function simulate(t: Test, tree: string): Promise<Simulator> {
  const lies: { about: RegExp; lie: Lie }[] = [];
  let served = tree;
  let memories = 0;
  const intercept: Intercept = (wanted, reply, request) => {
    const told = lies.findLast(({ about }) => about.test(wanted));
    told?.lie(reply, request, served);
    return told !== undefined;
  };
  const web = await serve(t, (request, reply) =>
    serveTree(served, intercept)(request, reply),
  );
  return {
    url: web.url,
    asked: () => web.seen.splice(0).map(({ url }) => url ?? ''),
    lies: (about, lie) => void lies.push({ about, lie }),
    repents: () => {
      lies.length = 0;
      served = tree;
    },
    remember: () => {
      memories += 1;
      const kept = `${tree}-${memories}`;
      fs.cpSync(tree, kept, { recursive: true });
      return () => (served = kept);
    },
  };
}

// The lies.

export function says(body: string | Uint8Array, headers: OutgoingHttpHeaders = {}): Lie {
  return (reply) => void reply.writeHead(200, headers).end(body);
}

/** 404 unless told otherwise; 304 is a poisoned cache. */
export function withholds(status = 404, headers: OutgoingHttpHeaders = {}): Lie {
  return (reply) => void reply.writeHead(status, headers).end();
}

/** The answer to another request. */
export function answersFor(file: string): Lie {
  return (reply, _request, dir) =>
    void reply.writeHead(200).end(fs.readFileSync(path.join(dir, file)));
}

export function redirects(to: (url: string) => string): Lie {
  return (reply, { url = '/' }) => void reply.writeHead(302, { location: to(url) }).end();
}

/** Takes the request and says nothing. */
export const hangs: Lie = () => undefined;

/** One byte after the other, for ever. */
export const trickles: Lie = (reply) => {
  reply.writeHead(200);
  const timer = setInterval(() => void reply.write('x'), 50);
  reply.on('close', () => clearInterval(timer));
};

/** The right bytes behind a wrong length. */
export function announces(change: (length: number) => number): Lie {
  return (reply, { url = '/' }, dir) => {
    const bytes = fs.readFileSync(path.join(dir, url));
    reply.writeHead(200, { 'content-length': change(bytes.length) });
    reply.write(bytes, () => reply.destroy());
  };
}

/** The right bytes, compressed though nobody asked for that. */
export function encodes(encoding: 'gzip' | 'br'): Lie {
  return (reply, { url = '/' }, dir) => {
    const bytes = fs.readFileSync(path.join(dir, url));
    const packed = encoding === 'gzip' ? gzipSync(bytes) : brotliCompressSync(bytes);
    reply.writeHead(200, { 'content-encoding': encoding }).end(packed);
  };
}
