import { QxError, printable } from '../format/error.ts';
import type { Effects, HttpReply } from '../effects/effects.ts';
import { shownUrl } from '../effects/shown-url.ts';
import { type Answer, type Headers, type Host, ask } from './ask.ts';
import { atLeastPace, exactly, notWebPage, readAll } from './body.ts';
import { paced } from './pace.ts';
import { type ByteRange, parseLength, parseRange, unsatisfiedTotal } from './ranges.ts';
import { type Attempt, retryAfterMs, withRetries } from './retry.ts';
import type {
  BodyReply,
  Fetched,
  GetOptions,
  Source,
  SourceSettings,
  StreamOptions,
} from './source.ts';
import { looksLikeWebPage, mayBeWebPage, webPageError } from './web-page.ts';

/** The tree on a web server. `base` may have user:password, which become an Authorization header. */
export function httpSource(
  effects: Effects,
  base: URL,
  settings: SourceSettings,
): Source {
  const host: Host = { effects, base, settings, connection: 0 };
  const retry: Source['retry'] = (signal, attempt, least = 0) => {
    const retries = Math.max(settings.retries, least);
    let tried = 0;
    return withRetries(effects, retries, signal, () => {
      if (tried > 0) host.connection += 1;
      tried += 1;
      return attempt();
    });
  };
  return {
    base: shownUrl(base),
    get: (path, options) => retry(options.signal, () => tryGet(host, path, options)),
    stream: (path, options) =>
      retry(options.signal, () => tryStream(host, path, options)),
    retry,
  };
}

async function tryGet(
  host: Host,
  path: string,
  options: GetOptions,
): Promise<Attempt<Fetched>> {
  const answer = await ask(host, path, getHeaders(options), options.signal);
  const { status } = answer.reply;
  if (status === 200) return { done: await found(host, path, answer, options) };
  if (status === 304 && isConditional(options)) {
    await dropBody(answer.reply);
    return { done: { status: 'unchanged' } };
  }
  if (isMissing(status)) {
    await dropBody(answer.reply);
    return { done: { status: 'missing' } };
  }
  return refused(
    host,
    answer,
    isConditional(options) ? '200, 304, 403 or 404' : '200, 403 or 404',
  );
}

/** Only who asked with a validator may be answered "unchanged". */
function isConditional({ conditional }: GetOptions): boolean {
  return conditional?.etag !== undefined || conditional?.lastModified !== undefined;
}

function getHeaders(options: GetOptions): Headers {
  const { etag, lastModified } = options.conditional ?? {};
  return {
    ...(etag !== undefined && { 'if-none-match': etag }),
    ...(lastModified !== undefined && { 'if-modified-since': lastModified }),
    ...(options.fresh && { 'cache-control': 'no-cache', pragma: 'no-cache' }),
  };
}

async function found(
  host: Host,
  path: string,
  { reply, url }: Answer,
  options: GetOptions,
): Promise<Fetched> {
  checkEncoding(reply, url);
  const contentType = reply.headers['content-type'];
  const length = parseLength(reply.headers);
  const body = measured(host, { reply, url }, length, options.signal);
  const bytes = await readAll(body, options.maxBytes, url, (start) => {
    if (!mayBeWebPage(path) && looksLikeWebPage(start, contentType))
      throw webPageError(url, start);
  });
  return {
    status: 'found',
    bytes,
    url,
    ...validators(reply.headers),
    ...(contentType !== undefined && { contentType }),
    ...servedAt(reply.headers),
  };
}

function servedAt({ date }: Headers): { servedMs?: number } {
  const servedMs = Date.parse(date ?? '');
  return Number.isNaN(servedMs) ? {} : { servedMs };
}

function validators(headers: Headers): { etag?: string; lastModified?: string } {
  const { etag, 'last-modified': lastModified } = headers;
  return {
    ...(etag !== undefined && { etag }),
    ...(lastModified !== undefined && { lastModified }),
  };
}

async function tryStream(
  host: Host,
  path: string,
  options: StreamOptions,
): Promise<Attempt<BodyReply | null>> {
  const answer = await ask(host, path, rangeHeaders(options), options.signal);
  const { status, headers } = answer.reply;
  const { signal } = options;
  if (status === 200) {
    const span = { start: 0, total: parseLength(headers), signal };
    return { done: bodyReply(host, path, answer, span) };
  }
  if (isMissing(status)) {
    await dropBody(answer.reply);
    return { done: null };
  }
  if (options.from === 0) return refused(host, answer, '200, 403 or 404');
  if (status === 206) {
    const range = continuation(headers, options);
    if (range !== null)
      return { done: bodyReply(host, path, answer, { ...range, signal }) };
  } else if (status !== 416) return refused(host, answer, '200, 206, 403, 404 or 416');
  else if (unsatisfiedTotal(headers) === options.from)
    return { done: nothingLeft(answer, options.from) };
  // Another part than the one asked for, or of another file: it is not used, and the whole file is asked for.
  answer.reply.discard();
  return tryStream(host, path, { ...options, from: 0, etag: undefined });
}

function rangeHeaders({ from, etag }: StreamOptions): Headers {
  if (from === 0) return {};
  // A weak etag cannot be used here; continuation() compares it instead.
  const strong = etag !== undefined && !etag.startsWith('W/');
  return { range: `bytes=${from}-`, ...(strong && { 'if-range': etag }) };
}

/** The range of a 206 when it goes on exactly where the bytes at hand end, in the same file. */
function continuation(headers: Headers, options: StreamOptions): ByteRange | null {
  const range = parseRange(headers);
  const same =
    options.etag === undefined || options.etag === (headers['etag'] ?? options.etag);
  return range !== null && range.start === options.from && same ? range : null;
}

interface Span {
  start: number;
  total: number | undefined;
  signal: AbortSignal | undefined;
}

function bodyReply(
  host: Host,
  path: string,
  answer: Answer,
  { start, total, signal }: Span,
): BodyReply {
  const { reply, url } = answer;
  checkEncoding(reply, url);
  const length = total === undefined ? undefined : total - start;
  const body = measured(host, answer, length, signal);
  const checked = start > 0 || mayBeWebPage(path);
  const { etag } = reply.headers;
  return {
    start,
    total,
    body: checked ? body : notWebPage(body, reply.headers['content-type'], url),
    url,
    ...(etag !== undefined && { etag }),
  };
}

function nothingLeft({ reply, url }: Answer, total: number): BodyReply {
  reply.discard();
  return { start: total, total, body: nothing(), url };
}

// eslint-disable-next-line @typescript-eslint/require-await -- an empty body, without a request
async function* nothing(): AsyncGenerator<Uint8Array> {
  yield* [];
}

/** The body with its pace watched, its length where it was announced, and held back where a limit is set. */
function measured(
  host: Host,
  { reply, url }: Answer,
  length: number | undefined,
  signal: AbortSignal | undefined,
): AsyncIterable<Uint8Array> {
  const { stallTimeoutMs: window, pace } = host.settings;
  const watched = atLeastPace(reply.body, host.effects.clock, window, url);
  const body = exactly(watched, length, url);
  return pace === undefined ? body : paced(body, pace, signal);
}

/** Private hosts answer 403 for what is not there when nobody may list the folder. */
function isMissing(status: number): boolean {
  return status === 403 || status === 404;
}

/** Reads a short error page, or the nothing behind a 304, to its end: so the connection can be used again. */
async function dropBody(reply: HttpReply): Promise<void> {
  const announced = reply.status === 304 ? 0 : parseLength(reply.headers);
  if ((announced ?? Infinity) > 16 * 1024) return reply.discard();
  try {
    const pieces = reply.body[Symbol.asyncIterator]();
    while (!(await pieces.next()).done);
  } catch {
    // The answer has been understood; how its page ended does not matter.
  }
}

/** We ask for no encoding: bytes that come in one would have another length and digest, and cannot be resumed. */
function checkEncoding(reply: HttpReply, where: string): void {
  const found = reply.headers['content-encoding'];
  if (found === undefined || found === '' || found === 'identity') return;
  reply.discard();
  throw new QxError('network', 'the host compressed a file that was asked for as it is', {
    where,
    expected: 'no Content-Encoding',
    found: printable(found),
    hint: 'turn compression off for the tree on the host or the proxy in between',
  });
}

function refused(host: Host, { reply, url }: Answer, expected: string): Attempt<never> {
  reply.discard();
  const { status, headers } = reply;
  const afterMs = retryAfterMs(headers['retry-after'], host.effects.clock.now());
  const failed = new QxError('network', 'the host answered with an error', {
    where: url,
    expected,
    found: `status ${status}`,
    hint: statusHint(status, afterMs),
  });
  if (status === 429 || status >= 500) return { failed, passing: true, afterMs };
  return { failed, word: `status ${status}` };
}

function statusHint(status: number, afterMs: number | undefined): string | undefined {
  if (status === 401) return 'the host wants credentials: see authorization_file';
  if (status === 407)
    return 'the proxy wants credentials: see http_proxy and https_proxy';
  if (afterMs !== undefined)
    return `the host asks to come back in ${Math.ceil(afterMs / 1000)} s`;
  return undefined;
}
