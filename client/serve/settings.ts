import { QxError } from '../format/error.ts';
import type { Config } from '../config/config.ts';
import type { ServeKeys, STYLES } from '../config/schema.ts';

/** In whose words the paths answer: camelCase for the host's own UI, snake_case for the vDC's dashboard. */
export type Style = (typeof STYLES)[number];

/** What `serve` goes by, complete. */
export interface ServeSettings {
  /** Null: a unix socket alone. */
  listen: { host: string; port: number } | null;
  socket: { path: string; mode: number } | null;
  /** Files; null for a certificate of our own making. */
  certificate: { cert: string; key: string } | null;
  /** Of the paths without /vdc/. */
  style: Style;
  tokenFile: string;
  access: AccessRules;
}

/** Who may change something here. */
export interface AccessRules {
  /** True: no call without it. False: none needs it. Undefined: the documented call of this machine does not. */
  requireToken: boolean | undefined;
  /** Of pages that may read and ask for changes. */
  allowedOrigins: readonly string[];
  /** Names of this host besides "localhost" and the address that was called. */
  allowedHosts: readonly string[];
  /** Callers that know of no token may start an update and clear its status. */
  legacyApply: boolean;
}

const DEFAULT_LISTEN = '127.0.0.1:8443';

/** Where `serve` keeps its certificate, its token and the output of what it starts. */
export function serveFolder({ stateDir }: Pick<Config, 'stateDir'>): string {
  return `${stateDir}/serve`;
}

/** `flags` are stronger than [serve]. QxError `config` for what does not go together. */
export function serveSettings(config: Config, flags: ServeKeys): ServeSettings {
  const keys = { ...config.serve, ...flags };
  const listen = parseListen(keys.listen ?? DEFAULT_LISTEN);
  const socket =
    keys.socket === undefined
      ? null
      : { path: keys.socket, mode: Number.parseInt(keys.socket_mode ?? '0600', 8) };
  if (listen === null && socket === null) {
    throw new QxError('config', 'nothing to listen at', {
      where: config.file ?? undefined,
      hint: 'with listen = "none", [serve] needs a socket',
    });
  }
  if ((keys.cert === undefined) !== (keys.key === undefined)) {
    throw new QxError('config', 'a certificate and its key go together', {
      where: config.file ?? undefined,
      expected: 'both "cert" and "key" in [serve], or neither',
    });
  }
  const { cert, key } = keys;
  return {
    listen,
    socket,
    certificate: cert === undefined || key === undefined ? null : { cert, key },
    style: keys.style ?? 'host-ui',
    tokenFile: keys.token_file ?? `${serveFolder(config)}/token`,
    access: {
      requireToken: keys.require_token,
      allowedOrigins: keys.allowed_origins ?? [],
      allowedHosts: keys.allowed_hosts ?? [],
      legacyApply: keys.legacy_apply ?? false,
    },
  };
}

/** The text has passed the schema. */
function parseListen(text: string): { host: string; port: number } | null {
  if (text === 'none') return null;
  const at = text.lastIndexOf(':');
  const port = Number(text.slice(at + 1));
  if (port > 65535) {
    throw new QxError('config', 'no such port', { expected: '0 to 65535', found: text });
  }
  return { host: text.slice(0, at).replace(/^\[|\]$/g, ''), port };
}
