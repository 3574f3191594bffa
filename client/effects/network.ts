import { agentPool } from './agents.ts';
import type { HttpReply, HttpRequest, Network } from './effects.ts';
import { connectLocal, localAgent } from './local.ts';
import { networkError, timeoutError } from './network-errors.ts';

type Fetch = typeof import('node-fetch').default;
type Response = Awaited<ReturnType<Fetch>>;

/**
 * The real network. `env` is where the proxy variables are read from. Packages are loaded with the first request.
 * Connections are kept for the next request and never hold the process open.
 */
export function nodeNetwork(env: Record<string, string | undefined>): Network {
  const agentFor = agentPool(env);
  return {
    async request(request) {
      request.signal?.throwIfAborted();
      const { default: fetch } = await import('node-fetch');
      const url = new URL(request.url);
      const agent = await (request.local ? localAgent(url) : agentFor(url, request.tls));
      const limit = abortLimit(request);
      try {
        const response = await fetch(request.url, {
          method: request.method ?? 'GET',
          headers: { ...request.headers, 'accept-encoding': 'identity' },
          redirect: 'manual',
          compress: false,
          agent,
          signal: limit.signal,
        });
        limit.pause();
        return replyOf(request, response, limit);
      } catch (error) {
        limit.close();
        throw limit.reason() ?? networkError(request.url, error);
      }
    },
    connectLocal,
  };
}

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

function replyOf(request: HttpRequest, response: Response, limit: Limit): HttpReply {
  const stream: AsyncIterable<unknown> | null = response.body;
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: pieces(request, stream, limit),
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
