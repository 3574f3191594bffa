import type { Agent, AgentOptions, ClientRequest } from 'node:http';
import type { PeerCertificate, SecureContext, checkServerIdentity } from 'node:tls';
import { QxError, printable } from '../format/error.ts';
import type { HttpRequest } from './effects.ts';

type Tls = NonNullable<HttpRequest['tls']>;
type Env = Record<string, string | undefined>;
type Options = AgentOptions & { secureContext?: SecureContext; rejectUnauthorized: true };

/** Idle connections of an agent are unreferenced by Node: they never keep the process alive. */
const KEEP_ALIVE: Options = { keepAlive: true, rejectUnauthorized: true };
const NO_TLS: Tls = {};

/**
 * Gives the agent for a URL: direct or through the proxy that `env` names (http_proxy, https_proxy, all_proxy,
 * no_proxy), one for each combination of proxy, TLS files and number, so that connections are used again.
 * QxError `config` for certificates that cannot be used and for proxies that are neither http nor https.
 */
export function agentPool(
  env: Env,
): (url: URL, request?: Pick<HttpRequest, 'tls' | 'connection'>) => Promise<Agent> {
  const pools = new WeakMap<Tls, Map<string, Promise<Agent>>>();
  const proxied = Object.keys(env).some((name) => /_proxy$/i.test(name) && env[name]);
  return async (url, { tls = NO_TLS, connection = 0 } = {}) => {
    const proxy = proxied ? await proxyFor(url, env) : '';
    const pool = pools.get(tls) ?? new Map<string, Promise<Agent>>();
    pools.set(tls, pool);
    const key = `${url.protocol} ${connection} ${proxy}`;
    const agent = pool.get(key) ?? makeAgent(url.protocol === 'https:', proxy, tls);
    pool.set(key, agent);
    return agent;
  };
}

async function proxyFor(url: URL, env: Env): Promise<string> {
  const { getProxyForUrl } = await import('proxy-from-env');
  const real = process.env;
  try {
    // The package reads process.env and nothing else; it does so at once, nobody sees the exchange.
    process.env = env;
    return getProxyForUrl(url.href);
  } finally {
    process.env = real;
  }
}

async function makeAgent(secure: boolean, proxy: string, tls: Tls): Promise<Agent> {
  const options: Options = { ...KEEP_ALIVE, ...(secure && (await secureOptions(tls))) };
  if (proxy !== '') return proxyAgent(secure, parseProxy(proxy), options);
  const { Agent: Direct } = secure
    ? await import('node:https')
    : await import('node:http');
  return new Direct(options);
}

async function secureOptions(tls: Tls): Promise<Partial<Options>> {
  const { createSecureContext } = await import('node:tls');
  try {
    const { ca, certificate: cert, key } = tls;
    const files = { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
    return { secureContext: createSecureContext(files) };
  } catch (cause) {
    throw new QxError('config', 'the TLS files cannot be used', {
      expected: 'PEM files; the key must be the one of the certificate',
      found: printable(cause instanceof Error ? cause.message : cause),
      hint: 'check ca_file, client_cert and client_key',
      cause,
    });
  }
}

function parseProxy(proxy: string): URL {
  const url = URL.canParse(proxy) ? new URL(proxy) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  throw new QxError('config', 'this kind of proxy is not supported', {
    expected: 'http_proxy and https_proxy as http://host:port or https://host:port',
    found: url === undefined ? 'no URL' : url.protocol,
  });
}

async function proxyAgent(secure: boolean, proxy: URL, options: Options): Promise<Agent> {
  const { checkServerIdentity } = await import('node:tls');
  if (!secure) {
    const { HttpProxyAgent } = await import('http-proxy-agent');
    return mended(new HttpProxyAgent(proxy, { keepAlive: true }), checkServerIdentity);
  }
  const { HttpsProxyAgent } = await import('https-proxy-agent');
  const agent = new HttpsProxyAgent(proxy, { keepAlive: true });
  // For the host behind the tunnel only: the proxy is not shown our certificate.
  Object.assign(agent.options, options);
  agent.on('proxyConnect', refuseUnlessOpen);
  return mended(agent, checkServerIdentity);
}

/** Otherwise a 403 of the proxy would be taken for the host saying that a file is missing. */
function refuseUnlessOpen(connect: { statusCode: number }): void {
  if (connect.statusCode === 200) return;
  throw Object.assign(
    new Error(`the proxy answered CONNECT with status ${connect.statusCode}`),
    { code: connect.statusCode >= 500 ? 'ERR_PROXY' : 'ERR_PROXY_REFUSED' },
  );
}

interface Connection {
  host?: string | undefined;
}

interface ProxyAgent<Options extends Connection> extends Agent {
  connectOpts: object;
  connect(request: ClientRequest, options: Options): Promise<unknown>;
}

/**
 * Mends two things of the proxy packages: they go on connecting after the request was given up, which would hold
 * the process open, and check the certificate of a host that is an IP address against "localhost".
 */
function mended<Options extends Connection>(
  agent: Agent & ProxyAgent<Options>,
  check: typeof checkServerIdentity,
): Agent {
  const { connectOpts } = agent;
  const connect = agent.connect.bind(agent);
  agent.connect = (request, options): ReturnType<typeof connect> => {
    const controller = new AbortController();
    request.once('abort', () => controller.abort());
    agent.connectOpts = { ...connectOpts, signal: controller.signal };
    const identity = (name: string, certificate: PeerCertificate): Error | undefined =>
      check(options.host ?? name, certificate);
    return connect(request, { ...options, checkServerIdentity: identity });
  };
  return agent;
}
