import { QxError, printable } from '../format/error.ts';
import { shownUrl } from '../effects/shown-url.ts';

/** Redirects that one request follows. */
export const REDIRECTS_MAX = 5;

/** Where a request goes and what it may show there. */
export interface Hop {
  /** Without user and password. */
  url: URL;
  /** Value of the Authorization header. */
  authorization: string | undefined;
  /** Whether the client certificate is offered. */
  certificate: boolean;
}

export function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status);
}

/**
 * The request that a redirect asks for. `followed` counts the ones before it.
 * At another origin neither Authorization nor the client certificate is shown, and they stay hidden on the way back.
 * QxError `network` for anything but http(s), a step down from https, and the sixth redirect.
 */
export function nextHop(hop: Hop, location: string | undefined, followed: number): Hop {
  const where = shownUrl(hop.url);
  if (followed >= REDIRECTS_MAX)
    throw new QxError('network', 'too many redirects', {
      where,
      expected: `${REDIRECTS_MAX} at the most`,
      found: 'one more, perhaps a loop',
    });
  const url = parseLocation(location, hop.url);
  if (url.protocol !== 'https:' && url.protocol !== hop.url.protocol)
    throw new QxError('network', 'refused a redirect to a less safe kind of URL', {
      where,
      expected: hop.url.protocol === 'https:' ? 'https:' : 'http: or https:',
      found: printable(shownUrl(url)),
    });
  const same = url.origin === hop.url.origin;
  return {
    url,
    authorization: same ? hop.authorization : undefined,
    certificate: same && hop.certificate,
  };
}

function parseLocation(location: string | undefined, base: URL): URL {
  const url = location === undefined ? null : urlOf(location, base);
  if (url === null)
    throw new QxError('network', 'the redirect has no usable Location', {
      where: shownUrl(base),
      expected: 'an http or https URL',
      found: location === undefined ? 'none' : 'something that is no URL',
    });
  // A host may not choose the credentials that we send.
  url.username = '';
  url.password = '';
  return url;
}

/** URL.canParse says yes to some that the constructor then refuses. */
function urlOf(location: string, base: URL): URL | null {
  try {
    return new URL(location, base);
  } catch {
    return null;
  }
}
