import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { QxError } from '../format/error.ts';
import { type Connections, limitConnections } from './connections.ts';
import type { Answer, Listening, ListenOptions, Served, ServerHome } from './effects.ts';

/** The sockets that others connect to. */

/** So long may a request take to come in, whatever it brings: a slow one holds a connection and nobody else up. */
const HEADERS_MS = 10_000;
const REQUEST_MS = 20_000;
const HANDSHAKE_MS = 10_000;
const IDLE_MS = 60_000;
const CHECK_EVERY_MS = 1000;
const HEADER_BYTES_MAX = 16 * 1024;
const HEADERS_MAX = 64;
/** Who is answered before all was said is listened to for so long: a connection that is cut at once takes the answer along. */
const LINGER_MS = 1000;

export function nodeServer(): ServerHome {
  return {
    listen,
    onHangup: (listener) => {
      process.on('SIGHUP', listener);
      return () => process.off('SIGHUP', listener);
    },
  };
}

async function listen(options: ListenOptions, answer: Answer): Promise<Listening> {
  const server = await makeServer(options);
  const connections = limitConnections(server, options.connectionsMax);
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    void serve(connections, request, response, answer);
  };
  server.on('request', handle);
  // Who asks whether a body is wanted is answered like everybody else; "yes" is said when it is read.
  server.on('checkContinue', handle);
  await bind(server, options);
  return {
    address: addressOf(server, options),
    setCertificate: (tls) => {
      if ('setSecureContext' in server) (server as SecureServer).setSecureContext(tls);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        connections.closeAll();
      }),
  };
}

type SecureServer = Server & {
  setSecureContext(tls: { cert: Buffer; key: Buffer }): void;
};

async function makeServer({ tls }: ListenOptions): Promise<Server> {
  const limits = {
    headersTimeout: HEADERS_MS,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: IDLE_MS,
    connectionsCheckingInterval: CHECK_EVERY_MS,
    maxHeaderSize: HEADER_BYTES_MAX,
  };
  const server =
    tls === undefined
      ? (await import('node:http')).createServer(limits)
      : (await import('node:https')).createServer({
          ...limits,
          ...tls,
          minVersion: 'TLSv1.2',
          handshakeTimeout: HANDSHAKE_MS,
        });
  server.maxHeadersCount = HEADERS_MAX;
  return server;
}

function bind(server: Server, { at }: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const hint =
        error.code === 'EADDRINUSE'
          ? 'another program listens there; --listen names another address'
          : undefined;
      const where = 'path' in at ? at.path : `${at.host}:${at.port}`;
      reject(
        new QxError('config', 'cannot listen', { where, found: error.message, hint }),
      );
    });
    server.listen('path' in at ? { path: at.path } : at, resolve);
  });
}

function addressOf(server: Server, { at, tls }: ListenOptions): string {
  if ('path' in at) return `unix:${at.path}`;
  const { address, port, family } = server.address() as AddressInfo;
  const host = family === 'IPv6' ? `[${address}]` : address;
  return `${tls === undefined ? 'http' : 'https'}://${host}:${port}`;
}

async function serve(
  connections: Connections,
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
): Promise<void> {
  const done = connections.use(request.socket);
  response.on('close', done);
  try {
    const { status, headers, body } = await answer(servedOf(request, response));
    response.writeHead(status, headers);
    if (request.method === 'HEAD') response.end();
    else if (typeof body === 'string') response.end(body);
    else await stream(response, body);
    if (!request.complete) linger(request);
  } catch {
    // The caller has left, or what it sends is no request: there is nobody to tell.
    request.socket.destroy();
  }
}

async function stream(
  response: ServerResponse,
  body: (left: AbortSignal) => AsyncIterable<string>,
): Promise<void> {
  const left = new AbortController();
  response.on('close', () => left.abort());
  response.flushHeaders();
  for await (const piece of body(left.signal)) {
    if (response.destroyed) return;
    // Who does not read is not written to without end.
    if (!response.write(piece)) {
      response.destroy();
      return;
    }
  }
  response.end();
}

function linger(request: IncomingMessage): void {
  request.resume();
  setTimeout(() => {
    if (!request.complete) request.socket.destroy();
  }, LINGER_MS);
}

function servedOf(request: IncomingMessage, response: ServerResponse): Served {
  const { method = '', url = '', headers, socket } = request;
  return {
    method,
    target: url,
    headers: Object.fromEntries(
      Object.entries(headers).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, String(value)]],
      ),
    ),
    caller: addressWithout(socket.remoteAddress, socket),
    called: addressWithout(socket.localAddress, socket),
    body: (maxBytes) => readBody(request, response, maxBytes),
  };
}

/** "::ffff:10.0.0.7" is 10.0.0.7 that came to a socket for both families. Null on a unix socket. */
function addressWithout(address: string | undefined, socket: Socket): string | null {
  if (socket.remotePort === undefined || address === undefined) return null;
  return address.replace(/^::ffff:(?=[\d.]+$)/i, '');
}

/** Null when there is more than `maxBytes`; no more than that is ever read. */
async function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  maxBytes: number,
): Promise<Buffer | null> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return null;
  if (request.headers.expect !== undefined) response.writeContinue();
  const pieces: Buffer[] = [];
  let size = 0;
  return new Promise((resolve, reject) => {
    request.on('data', (piece: Buffer) => {
      size += piece.length;
      if (size > maxBytes) {
        request.pause();
        resolve(null);
      } else pieces.push(piece);
    });
    request.on('end', () => resolve(Buffer.concat(pieces)));
    request.on('error', reject);
    request.on('close', () => reject(new Error('the caller has left')));
  });
}
