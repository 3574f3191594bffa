import type { Served } from '../effects/effects.ts';
import type { AccessRules } from './settings.ts';

/** Pure: whether a request is for this host, and whether its caller may change something here. */

/** What a route changes: nothing, the installed release, or how this host is set. */
export type Change = 'nothing' | 'status' | 'release' | 'settings';

export interface Refused {
  status: number;
  code: string;
  message: string;
}

/** `token`: whether the one that came is the right one; null when none came. */
export interface Asked {
  request: Pick<Served, 'headers' | 'caller' | 'called'>;
  change: Change;
  token: boolean | null;
}

const LOCAL_NAMES = ['localhost', '127.0.0.1', '[::1]'];
/** Who sets these speaks for somebody else. */
const FORWARDED = [
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-real-ip',
  'via',
];

/** Null when it may be answered. */
export function refuse(asked: Asked, rules: AccessRules): Refused | null {
  const { request, change, token } = asked;
  const host = refuseHost(request, rules);
  if (host !== null) return host;
  if (change === 'nothing') return null;
  const origin = request.headers.origin;
  if (origin !== undefined && !isAllowedOrigin(request, rules)) {
    return {
      status: 403,
      code: 'origin_not_allowed',
      message: `pages of ${origin} may change nothing here: allowed_origins in [serve] names those that may`,
    };
  }
  if (token === false) {
    return { status: 401, code: 'wrong_token', message: 'this is not the token' };
  }
  if (token === true || needsNoToken(asked, rules)) return null;
  return {
    status: 401,
    code: 'token_needed',
    message:
      'a change needs the token: send "Authorization: Bearer …", or use the unix socket',
  };
}

/**
 * A page of a site whose name was pointed at this machine (DNS rebinding) still says that name. An address cannot be
 * pointed elsewhere, so the one that was called is good.
 */
function refuseHost(request: Asked['request'], rules: AccessRules): Refused | null {
  if (isSocket(request)) return null;
  const name = hostName(request.headers.host ?? '');
  const known = [...LOCAL_NAMES, ...rules.allowedHosts];
  const { called } = request;
  const address = called?.includes(':') === true ? `[${called}]` : called;
  if (known.includes(name) || name === address) return null;
  return {
    status: 421,
    code: 'host_not_allowed',
    message: `this host is not known as "${name.slice(0, 100)}": allowed_hosts in [serve] names what it is called by`,
  };
}

/** "node-7.example.com:8443" and "[::1]:8443" without the port. */
function hostName(host: string): string {
  return host.toLowerCase().replace(/:\d+$/, '');
}

function needsNoToken({ request, change }: Asked, rules: AccessRules): boolean {
  if (isSocket(request)) return true;
  if (rules.requireToken === false) return true;
  if (change === 'settings') return false;
  if (rules.legacyApply) return true;
  return change === 'release' && rules.requireToken !== true && isDocumented(request);
}

/**
 * `curl -k -X POST https://localhost:8443/api/v1/updates/apply` on this very machine. It starts what the signed pointer
 * and the policy of the host let through, and nothing else; and no page in a browser can send it.
 */
function isDocumented(request: Asked['request']): boolean {
  const { headers, caller } = request;
  const loopback = caller !== null && (/^127\./.test(caller) || caller === '::1');
  return (
    loopback &&
    !isForwarded(request) &&
    headers.origin === undefined &&
    LOCAL_NAMES.includes(hostName(headers.host ?? ''))
  );
}

/** Whoever may open the socket; a proxy behind which others stand is no such caller. */
function isSocket(request: Asked['request']): boolean {
  return request.caller === null && !isForwarded(request);
}

function isForwarded({ headers }: Asked['request']): boolean {
  return FORWARDED.some((name) => headers[name] !== undefined);
}

/** One that is listed, or the page's own host: what is served beside us by the same name. */
export function isAllowedOrigin(
  { headers }: Asked['request'],
  { allowedOrigins }: AccessRules,
): boolean {
  const { origin = '', host = '' } = headers;
  return allowedOrigins.includes(origin) || origin === `https://${host}`;
}
