import type { Effects, HttpReply } from '../effects/effects.ts';
import { shownUrl } from '../effects/shown-url.ts';
import { safePath } from './paths.ts';
import { type Hop, isRedirect, nextHop } from './redirects.ts';
import type { SourceSettings } from './source.ts';

export type Headers = Record<string, string>;

/** Where the tree is and how it is asked. `base` may have user:password and a query. */
export interface Host {
  effects: Effects;
  base: URL;
  settings: SourceSettings;
  /** Counts on when the connections of before are not to be used any more. */
  connection: number;
}

/** A reply and where it came from: `url` may be printed. */
export interface Answer {
  reply: HttpReply;
  url: string;
}

/** One request for a path of the tree, with its redirects. QxError `network` when they lead astray. */
export async function ask(
  host: Host,
  path: string,
  headers: Headers,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  let hop = firstHop(host, path);
  for (let followed = 0; ; followed += 1) {
    const reply = await send(host, hop, headers, signal);
    if (!isRedirect(reply.status)) return { reply, url: shownUrl(hop.url) };
    reply.discard();
    hop = nextHop(hop, reply.headers['location'], followed);
  }
}

/** Below the base; a query of the base (a signed token) stays. */
function firstHop({ base, settings }: Host, path: string): Hop {
  const url = new URL(base);
  url.pathname = `${base.pathname.replace(/\/$/, '')}/${safePath(path)}`;
  url.hash = url.username = url.password = '';
  return {
    url,
    authorization: basicOf(base) ?? settings.authorization,
    certificate: true,
  };
}

function basicOf(url: URL): string | undefined {
  if (url.username === '' && url.password === '') return undefined;
  const text = `${decoded(url.username)}:${decoded(url.password)}`;
  return `Basic ${Buffer.from(text).toString('base64')}`;
}

/** What is no valid escape stands for itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function send(
  { effects, settings, connection }: Host,
  hop: Hop,
  headers: Headers,
  signal: AbortSignal | undefined,
): Promise<HttpReply> {
  const { tls, connectTimeoutMs, stallTimeoutMs, userAgent } = settings;
  const { authorization } = hop;
  const shown = hop.certificate ? tls : tls?.ca && { ca: tls.ca };
  return effects.network.request({
    url: hop.url.href,
    headers: {
      'user-agent': userAgent,
      ...headers,
      ...(authorization !== undefined && { authorization }),
    },
    connectTimeoutMs,
    stallTimeoutMs,
    connection,
    ...(shown && { tls: shown }),
    signal,
  });
}
