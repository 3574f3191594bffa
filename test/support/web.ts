import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import type { Test } from 'tap';
import type { Effects } from '../../client/effects/effects.ts';
import { nodeEffects } from '../../client/effects/node.ts';
import { QxError } from '../../client/format/error.ts';
import type { GetOptions, SourceSettings } from '../../client/reader/source.ts';

/** Web servers that misbehave as a test tells them to, and effects whose clock does not make the test wait. */

export interface Web {
  /** "http://127.0.0.1:PORT", without a slash at its end. */
  url: string;
  port: number;
  /** Requests so far, oldest first. */
  seen: IncomingMessage[];
  server: http.Server;
}

export type Handler = (request: IncomingMessage, reply: ServerResponse) => void;

/** A server on a free loopback port that ends with the test; `tls` makes it an https one. */
export async function serve(
  t: Test,
  handler: Handler,
  tls?: https.ServerOptions,
): Promise<Web> {
  const seen: IncomingMessage[] = [];
  const listener: Handler = (request, reply) => {
    seen.push(request);
    handler(request, reply);
  };
  const server = tls ? https.createServer(tls, listener) : http.createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`, port, seen, server };
}

/** Handlers in turn, the last one again and again. */
export function inTurn(...handlers: Handler[]): Handler {
  let next = 0;
  return (request, reply) => {
    const handler = handlers[Math.min(next, handlers.length - 1)];
    next += 1;
    handler?.(request, reply);
  };
}

export function answer(
  status: number,
  body: string | Uint8Array = '',
  headers: http.OutgoingHttpHeaders = {},
): Handler {
  return (_request, reply) => reply.writeHead(status, headers).end(body);
}

export interface FastEffects {
  effects: Effects;
  /** Milliseconds of each pause that was asked for. */
  sleeps: number[];
}

/** Real effects, except for pauses, which only move the clock, and for chance, which is always one half. */
export function fastEffects(env: Record<string, string> = {}): FastEffects {
  const sleeps: number[] = [];
  let now = Date.UTC(2026, 0, 1);
  const clock = {
    now: () => now,
    sleep: (ms: number, signal?: AbortSignal): Promise<void> => {
      signal?.throwIfAborted();
      sleeps.push(ms);
      now += ms;
      return Promise.resolve();
    },
  };
  const random = { bytes: (count: number): Buffer => Buffer.alloc(count, 0x80) };
  return { effects: { ...nodeEffects(env), clock, random }, sleeps };
}

export function sourceSettings(changes: Partial<SourceSettings> = {}): SourceSettings {
  return {
    connectTimeoutMs: 5_000,
    stallTimeoutMs: 5_000,
    retries: 0,
    userAgent: 'qx-update/test',
    ...changes,
  };
}

/** What may be answered "unchanged" is sent in another way than the rest. Whoever tests one way tests both. */
export const WAYS: readonly [way: string, options: Pick<GetOptions, 'conditional'>][] = [
  ['asked for as it is', {}],
  ['asked for unless it is unchanged', { conditional: { etag: '"another"' } }],
];

/** The QxError with which the promise ends; throws when it ends otherwise. */
export async function refusalOf(promise: Promise<unknown>): Promise<QxError> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    if (error instanceof QxError) return error;
    throw error;
  }
  throw new Error(`not refused: ${JSON.stringify(value)}`);
}

export interface Authority {
  /** PEM of the authority itself. */
  ca: Buffer;
  /** For 127.0.0.1. */
  server: { cert: Buffer; key: Buffer };
  client: { certificate: Buffer; key: Buffer };
}

/** A private certificate authority, with one certificate for a server and one for a client; by openssl, in `folder`. */
export function makeAuthority(folder: string): Authority {
  const openssl = (...args: string[]): unknown =>
    execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const issue = (name: string, extension: string): void => {
    const files = ['-keyout', `${name}.key`, '-out', `${name}.csr`];
    openssl('req', ...fresh, '-subj', `/CN=${name}`, ...files);
    fs.writeFileSync(path.join(folder, `${name}.ext`), extension);
    const signer = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2'];
    const input = ['-in', `${name}.csr`, '-extfile', `${name}.ext`];
    openssl('x509', '-req', ...input, ...signer, '-out', `${name}.pem`);
  };
  const own = ['-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2'];
  openssl('req', '-x509', ...fresh, '-subj', '/CN=test authority', ...own);
  issue('server', 'subjectAltName=IP:127.0.0.1');
  issue('client', 'extendedKeyUsage=clientAuth');
  const read = (name: string): Buffer => fs.readFileSync(path.join(folder, name));
  return {
    ca: read('ca.pem'),
    server: { cert: read('server.pem'), key: read('server.key') },
    client: { certificate: read('client.pem'), key: read('client.key') },
  };
}
