import type { Agent, IncomingMessage } from 'node:http';
import { agentPool } from './agents.ts';
import type { HttpReply, HttpRequest, Network } from './effects.ts';
import { connectLocal, localAgent } from './local.ts';
import { networkError, timeoutError } from './network-errors.ts';

/** A reply before it is watched: lower-case names of headers, and a body that was not read yet. */
interface Reply {
  status: number;
  headers: Record<string, string>;
  body: AsyncIterable<unknown> | null;
}

/** How a request is sent; both throw Node's errors. */
type Send = (request: HttpRequest, agent: Agent, signal: AbortSignal) => Promise<Reply>;

/** Bytes that come in an encoding can neither be counted nor resumed. */
const AS_IT_IS = { 'accept-encoding': 'identity' };

/**
 * The real network. `env` is where the proxy variables are read from. Packages are loaded with the first request
 * that needs them. Connections are kept for the next request and never hold the process open.
 */
export function nodeNetwork(env: Record<string, string | undefined>): Network {
  const agentFor = agentPool(env);
  return {
    async request(request) {
      request.signal?.throwIfAborted();
      const url = new URL(request.url);
      const agent = await (request.local ? localAgent(url) : agentFor(url, request));
      const limit = abortLimit(request);
      try {
        const reply = await sendFor(request)(request, agent, limit.signal);
        limit.pause();
        return replyOf(request, reply, limit);
      } catch (error) {
        limit.close();
        throw limit.reason() ?? networkError(request.url, error);
      }
    },
    connectLocal,
  };
}

/**
 * "Is there anything new?" is mostly answered by 304 without a body, and is all that most runs ask. node-fetch,
 * which is for bodies, takes several times as long to load as this answer takes to come.
 */
function sendFor({ headers = {} }: HttpRequest): Send {
  const conditional = 'if-none-match' in headers || 'if-modified-since' in headers;
  return conditional ? sendPlainly : sendByFetch;
}

const sendByFetch: Send = async (
  { url, method = 'GET', headers, body: sent },
  agent,
  signal,
) => {
  const { default: fetch } = await import('node-fetch');
  const response = await fetch(url, {
    method,
    body: sent ?? null,
    headers: { ...headers, ...AS_IT_IS },
    redirect: 'manual',
    compress: false,
    agent,
    signal,
  });
  const { status, body } = response;
  return { status, headers: Object.fromEntries(response.headers), body };
};

const sendPlainly: Send = async ({ url, method = 'GET', headers }, agent, signal) => {
  const { request } = url.startsWith('https:')
    ? await import('node:https')
    : await import('node:http');
  signal.throwIfAborted();
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const all = { ...headers, ...AS_IT_IS };
    const sent = request(url, { method, headers: all, agent }, resolve);
    // Before there is a connection, a request that is given up says nothing by itself.
    const giveUp = (): void => {
      sent.abort();
      reject(new Error('given up'));
    };
    signal.addEventListener('abort', giveUp, { once: true });
    sent.on('error', reject).end();
  });
  const names = Object.entries(response.headersDistinct);
  return {
    status: response.statusCode ?? 0,
    headers: Object.fromEntries(names.map(([name, all = []]) => [name, all.join(', ')])),
    body: response,
  };
};

/** Ends a request by time or by the caller's signal, and remembers which it was. */
interface Limit {
  signal: AbortSignal;
  /** The clock runs for a piece of the body. */
  start(): void;
  /** The clock stands: nothing is being waited for. */
  pause(): void;
  /** Nothing more to watch. */
  close(): void;
  abort(): void;
  /** What ended the request, if this did. */
  reason(): Error | undefined;
}

function abortLimit({
  url,
  signal,
  connectTimeoutMs,
  stallTimeoutMs,
  totalTimeoutMs,
}: HttpRequest): Limit {
  const controller = new AbortController();
  let reason: Error | undefined;
  const end = (why: Error): void => {
    reason ??= why;
    controller.abort();
  };
  const endAfter = (ms: number, message: string): NodeJS.Timeout =>
    setTimeout(() => end(timeoutError(url, message, ms)), ms);
  const onAbort = (): void => end(signal?.reason as Error);
  signal?.addEventListener('abort', onAbort, { once: true });
  let timer = endAfter(connectTimeoutMs, 'the host does not answer');
  const total =
    totalTimeoutMs === undefined
      ? undefined
      : endAfter(totalTimeoutMs, 'the reply took too long');
  const pause = (): void => clearTimeout(timer);
  return {
    signal: controller.signal,
    start() {
      timer = endAfter(stallTimeoutMs, 'the body stalled');
    },
    pause,
    close() {
      pause();
      clearTimeout(total);
      signal?.removeEventListener('abort', onAbort);
    },
    abort: () => controller.abort(),
    reason: () => reason,
  };
}

function replyOf(request: HttpRequest, reply: Reply, limit: Limit): HttpReply {
  return {
    ...reply,
    body: pieces(request, reply.body, limit),
    discard() {
      limit.close();
      limit.abort();
    },
  };
}

async function* pieces(
  request: HttpRequest,
  stream: AsyncIterable<unknown> | null,
  limit: Limit,
): AsyncGenerator<Uint8Array> {
  const iterator = stream?.[Symbol.asyncIterator]();
  try {
    for (;;) {
      limit.start();
      const piece = await iterator?.next();
      limit.pause();
      if (piece === undefined || piece.done) return;
      yield piece.value as Uint8Array;
    }
  } catch (error) {
    throw limit.reason() ?? networkError(request.url, error);
  } finally {
    limit.close();
    // Closes the connection when the body was not read to its end.
    await iterator?.return?.();
  }
}
