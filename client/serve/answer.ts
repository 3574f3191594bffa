import type { Served, ServedReply } from '../effects/effects.ts';
import { QxError } from '../format/error.ts';
import { parseStrictJson } from '../format/strict-json.ts';
import { asQxError } from '../terminal/output.ts';
import { isAllowedOrigin, refuse } from './guard.ts';
import { rateLimit } from './rate.ts';
import { problem } from './replies.ts';
import { findRoute, type Found } from './routes.ts';
import type { Service } from './service.ts';
import type { Style } from './settings.ts';
import { sentence } from './standing.ts';
import { isToken } from './token.ts';

const BODY_BYTES_MAX = 16 * 1024;
/** By caller. A page that polls asks once or twice a second; fifty of them may sit behind one address. */
const READS = { burst: 400, perSecond: 200 };
const CHANGES = { burst: 50, perSecond: 5 };

/** From the request that came in to the answer that goes out. Never throws but for callers who have left. */
export function openAnswer(service: Service): (request: Served) => Promise<ServedReply> {
  const mayRead = rateLimit(READS);
  const mayChange = rateLimit(CHANGES);
  return async (request) => {
    const found = findRoute(request);
    const style = found?.style ?? service.settings.style;
    const who = request.caller ?? 'socket';
    const now = service.fx.clock.now();
    const changes = (found?.endpoint?.change ?? 'nothing') !== 'nothing';
    if (!(changes ? mayChange : mayRead)(who, now)) return tooMany(style);
    try {
      const reply = await answer(service, request, found, style);
      return withOrigin(service, request, reply);
    } catch (thrown) {
      return withOrigin(service, request, failed(style, asQxError(thrown)));
    }
  };
}

async function answer(
  service: Service,
  request: Served,
  found: Found | null,
  style: Style,
): Promise<ServedReply> {
  const endpoint = found?.endpoint;
  const change = endpoint?.change ?? 'nothing';
  const token = await tokenOf(service, request);
  const refused = refuse({ request, change, token }, service.settings.access);
  if (refused !== null) {
    const headers: Record<string, string> =
      refused.status === 401 ? { 'www-authenticate': 'Bearer realm="qx-update"' } : {};
    return problem(style, { ...refused, headers });
  }
  if (found === null)
    return problem(style, { status: 404, code: 'not_found', message: 'no such path' });
  if (request.method === 'OPTIONS') return preflight(service, request, found);
  if (endpoint === undefined) return wrongMethod(style, found);
  const body = await bodyOf(request);
  if (body.what === 'refused') return problem(style, body);
  if (change !== 'nothing') {
    const caller = request.caller ?? 'the unix socket';
    const by = token === true ? 'by token' : 'without a token';
    await service.log(
      'api-called',
      `${request.method} ${request.target.slice(0, 100)} from ${caller}, ${by}`,
    );
  }
  return endpoint.answer(service, style, body.value);
}

async function tokenOf({ fx, config, settings }: Service, { headers }: Served) {
  const given = headers.authorization;
  if (given === undefined) return null;
  const token = /^Bearer +([\w.~+/=-]{1,1024})$/i.exec(given)?.[1];
  return token !== undefined && isToken(fx, config.root, settings.tokenFile, token);
}

type Body =
  | { what: 'read'; value: object | undefined }
  | { what: 'refused'; status: number; code: string; message: string };

/** JSON that says it is JSON: no form of a foreign page can send that without asking first. */
async function bodyOf(request: Served): Promise<Body> {
  const bytes = await request.body(BODY_BYTES_MAX);
  if (bytes === null) {
    const message = `the body is longer than ${BODY_BYTES_MAX} bytes`;
    return { what: 'refused', status: 413, code: 'too_large', message };
  }
  if (bytes.length === 0) return { what: 'read', value: undefined };
  if (!/^application\/json\s*(?:;|$)/i.test(request.headers['content-type'] ?? '')) {
    const message = 'a body has to be application/json';
    return { what: 'refused', status: 415, code: 'not_json', message };
  }
  try {
    const value = parseStrictJson(bytes, 'body', BODY_BYTES_MAX);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return { what: 'read', value };
    const message = 'the body is no JSON object';
    return { what: 'refused', status: 400, code: 'malformed', message };
  } catch (error) {
    const message = sentence(asQxError(error));
    return { what: 'refused', status: 400, code: 'malformed', message };
  }
}

/** What a browser asks before a page of another origin may send more than a form could. */
function preflight(
  { settings }: Service,
  request: Served,
  { methods, style = settings.style }: Found,
): ServedReply {
  if (!isAllowedOrigin(request, settings.access)) {
    const message = 'allowed_origins in [serve] names the pages that may ask here';
    return problem(style, { status: 403, code: 'origin_not_allowed', message });
  }
  const headers = {
    'access-control-allow-methods': methods.join(', '),
    'access-control-allow-headers': 'accept, authorization, content-type',
    'access-control-allow-private-network': 'true',
    'access-control-max-age': '600',
  };
  return { status: 204, headers, body: '' };
}

function wrongMethod(style: Style, { methods }: Found): ServedReply {
  return problem(style, {
    status: 405,
    code: 'wrong_method',
    message: `this path is asked by ${methods.join(', ')}`,
    headers: { allow: methods.join(', ') },
  });
}

function tooMany(style: Style): ServedReply {
  return problem(style, {
    status: 429,
    code: 'too_many_requests',
    message: 'too many requests: ask again in a moment',
    headers: { 'retry-after': '1' },
  });
}

function failed(style: Style, error: QxError): ServedReply {
  if (error.code === 'usage')
    return problem(style, { status: 400, code: 'malformed', message: sentence(error) });
  return problem(style, { status: 500, code: error.code, message: sentence(error) });
}

/** Only pages that are named may read what is told here. */
function withOrigin(
  { settings }: Service,
  request: Served,
  reply: ServedReply,
): ServedReply {
  const { origin } = request.headers;
  const headers = { ...reply.headers, vary: 'Origin' };
  if (origin === undefined || !settings.access.allowedOrigins.includes(origin))
    return { ...reply, headers };
  return {
    ...reply,
    headers: { ...headers, 'access-control-allow-origin': origin },
  };
}
