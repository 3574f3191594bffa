import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Files } from '../../client/effects/effects.ts';
import { QxError } from '../../client/format/error.ts';
import { findFile } from './find-file.ts';
import { replyFor } from './reply.ts';

/** The one home of the preview's sockets and signals. Files are read through the effects like everywhere. */

export interface Preview {
  /** "http://127.0.0.1:8080/" */
  url: string;
  port: number;
  /** Ends every connection. */
  close(): Promise<void>;
}

export interface PreviewOptions {
  files: Files;
  /** Folder of the tree, absolute. */
  root: string;
  /** 0 for any free one. A port that is in use is passed over for the next one. */
  port: number;
  onRequest: (line: string) => void;
}

/** Only this machine can ask. */
const ADDRESS = '127.0.0.1';
const PORTS_TRIED = 100;
const PIECE_BYTES = 256 * 1024;

/** Starts serving. QxError `config` when no port is free. */
export async function startPreview(options: PreviewOptions): Promise<Preview> {
  const root = await options.files.realPath(options.root);
  const server = http.createServer((request, response) => {
    void handle(options, root, request, response);
  });
  const port = await listen(server, options.port);
  return {
    url: `http://${ADDRESS}:${port}/`,
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export interface Stop {
  /** Aborted by the first SIGINT or SIGTERM; the second one ends the program as it ends any other. */
  signal: AbortSignal;
  /** Nothing is waited for any more. */
  forget: () => void;
}

/** Hears Ctrl-C from now on. */
export function hearStop(onStop: () => void): Stop {
  const controller = new AbortController();
  const forget = (): void => {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  };
  const stop = (): void => {
    forget();
    controller.abort();
    onStop();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return { signal: controller.signal, forget };
}

/** Ends with the first SIGINT or SIGTERM. */
export function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    hearStop(resolve);
  });
}

async function listen(server: http.Server, wanted: number): Promise<number> {
  for (let port = wanted; port < wanted + PORTS_TRIED && port < 65536; port += 1) {
    if (await listenAt(server, port)) return (server.address() as AddressInfo).port;
  }
  throw new QxError('config', 'no free port', {
    where: ADDRESS,
    expected: `one from ${wanted} on`,
    hint: '--port 0 takes any that is free',
  });
}

function listenAt(server: http.Server, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false);
      else reject(error);
    };
    server.once('error', onError);
    server.listen(port, ADDRESS, () => {
      server.off('error', onError);
      resolve(true);
    });
  });
}

async function handle(
  options: PreviewOptions,
  root: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    await serveFile(options, root, request, response);
  } catch {
    // The other side left, or the disk failed in the middle: there is nobody to tell but the log.
    if (response.headersSent) response.destroy();
    else response.writeHead(500, { 'cache-control': 'no-store' }).end();
  }
  const range = request.headers.range === undefined ? '' : ` ${request.headers.range}`;
  options.onRequest(
    `${response.statusCode} ${request.method ?? ''} ${request.url ?? ''}${range}`,
  );
}

async function serveFile(
  { files }: PreviewOptions,
  root: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method, headers } = request;
  if (method !== 'GET' && method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD', 'cache-control': 'no-store' }).end();
    return;
  }
  const found = await findFile(files, root, request.url ?? '');
  if (found === null) {
    response.writeHead(404, {
      'cache-control': 'no-store',
      'content-type': 'text/plain',
    });
    response.end(method === 'HEAD' ? '' : 'not found\n');
    return;
  }
  const { status, start, end, ...reply } = replyFor(
    { path: found.path, headers },
    found.info,
  );
  response.writeHead(status, reply.headers);
  if (method === 'HEAD' || start === end) response.end();
  else await pipeline(Readable.from(bytesOf(files, found.file, start, end)), response);
}

async function* bytesOf(
  files: Files,
  path: string,
  start: number,
  end: number,
): AsyncGenerator<Uint8Array> {
  const file = await files.open(path, 'read');
  try {
    for (let position = start; position < end;) {
      const buffer = Buffer.allocUnsafe(Math.min(PIECE_BYTES, end - position));
      const count = await file.read(buffer, position);
      if (count === 0) throw new Error('the file became shorter');
      position += count;
      yield buffer.subarray(0, count);
    }
  } finally {
    await file.close();
  }
}
