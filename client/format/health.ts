import * as v from 'valibot';
import { QxError } from './error.ts';
import { LIMITS } from './limits.ts';
import { listOf, name, positive, whole } from './shapes.ts';

/**
 * Health checks of a component: what must hold after its service was restarted.
 *
 * The four types are the ones that this version knows. A check of another type is kept as it is, so that
 * a manifest for newer hosts can be read here; policy refuses the release, since a check is never passed over.
 */

const seconds = v.maxValue<number, number, string>(
  LIMITS.healthSeconds,
  `at most ${LIMITS.healthSeconds} seconds`,
);

const common = {
  /** Of one try. */
  timeout_seconds: v.exactOptional(v.pipe(positive, seconds)),
  /** Further tries after the first. */
  retries: v.exactOptional(
    v.pipe(
      whole,
      v.maxValue(LIMITS.healthRetries, `at most ${LIMITS.healthRetries} retries`),
    ),
  ),
  /** Between two tries. */
  interval_seconds: v.exactOptional(v.pipe(whole, seconds)),
  /** For so long after the first pass it must hold. */
  steady_seconds: v.exactOptional(v.pipe(whole, seconds)),
};

const port = v.pipe(positive, v.maxValue(65_535, 'a port, 1 to 65535'));

/** As it stands in the request: printable ASCII without spaces. */
const urlPath = v.pipe(
  v.string(),
  v.maxLength(LIMITS.pathBytes, `at most ${LIMITS.pathBytes} characters`),
  v.regex(/^\/[\x21-\x22\x24-\x7e]*$/, 'a path like "/health"'),
);

/** A name in the host's hooks.d, or "./…" inside the component's own content. */
const commandFile = v.pipe(
  v.string(),
  v.maxLength(LIMITS.pathBytes, `at most ${LIMITS.pathBytes} characters`),
  v.regex(
    /^(?:[a-z0-9][a-z0-9._-]{0,63}|\.(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._+@-]{1,255})+)$/,
    'a name in hooks.d, or "./path" inside the component',
  ),
);

const word = v.pipe(
  v.string(),
  v.regex(
    /^[A-Za-z0-9._:/=@%+,-]{1,256}$/,
    'a plain word: letters, digits and . _ : / = @ % + , -',
  ),
);

/** The fields of each type behind `type`, for parsers that differ in what they do with unknown fields. */
export const HEALTH_FIELDS = {
  service: { service: v.exactOptional(name), ...common },
  tcp: { port, ...common },
  http: {
    port,
    path: urlPath,
    scheme: v.exactOptional(v.picklist(['http', 'https'], '"http" or "https"')),
    /** 200 to 399 when it is not there. */
    status: v.exactOptional(
      v.pipe(
        whole,
        v.minValue(200, 'a status, 200 to 599'),
        v.maxValue(599, 'a status, 200 to 599'),
      ),
    ),
    contains: v.exactOptional(
      v.pipe(
        v.string(),
        v.minLength(1, 'a text'),
        v.maxLength(1024, 'at most 1024 characters'),
      ),
    ),
    ...common,
  },
  command: { file: commandFile, args: v.exactOptional(listOf(word, 32)), ...common },
};

export const HEALTH_TYPES = Object.keys(HEALTH_FIELDS) as HealthType[];

const service = v.looseObject({ type: v.literal('service'), ...HEALTH_FIELDS.service });
const tcp = v.looseObject({ type: v.literal('tcp'), ...HEALTH_FIELDS.tcp });
const http = v.looseObject({ type: v.literal('http'), ...HEALTH_FIELDS.http });
const command = v.looseObject({ type: v.literal('command'), ...HEALTH_FIELDS.command });
const other = v.looseObject({
  type: v.pipe(name, v.notValues(['service', 'tcp', 'http', 'command'])),
});

export const healthCheck = v.variant('type', [service, tcp, http, command, other]);

export type HealthType = keyof typeof HEALTH_FIELDS;
export type ServiceCheck = v.InferOutput<typeof service>;
export type TcpCheck = v.InferOutput<typeof tcp>;
export type HttpCheck = v.InferOutput<typeof http>;
export type CommandCheck = v.InferOutput<typeof command>;
/** A check that this version can run. */
export type HealthCheck = ServiceCheck | TcpCheck | HttpCheck | CommandCheck;
/** A check as a manifest holds it, of a type that may be newer than this version. */
export type AnyHealthCheck = v.InferOutput<typeof healthCheck>;

export function isKnownCheck(check: AnyHealthCheck): check is HealthCheck {
  return (HEALTH_TYPES as string[]).includes(check.type);
}

/** The fields of a known check that this version does not know. */
export function unknownFields(check: HealthCheck): string[] {
  const known = ['type', ...Object.keys(HEALTH_FIELDS[check.type])];
  return Object.keys(check).filter((field) => !known.includes(field));
}

/** How a check runs, in milliseconds, with what its fields leave open. */
export interface HealthTiming {
  timeoutMs: number;
  retries: number;
  intervalMs: number;
  steadyMs: number;
}

export function timingOf(check: HealthCheck): HealthTiming {
  return {
    timeoutMs: 1000 * (check.timeout_seconds ?? 10),
    retries: check.retries ?? 0,
    intervalMs: 1000 * (check.interval_seconds ?? 1),
    steadyMs: 1000 * (check.steady_seconds ?? 0),
  };
}

interface Checked {
  name: string;
  kind: 'file' | 'directory';
  restart_service?: string;
  health?: AnyHealthCheck[];
}

/** The service that a check asks for: its own, else the one that the component restarts. */
export function serviceOf(
  check: ServiceCheck,
  component: { restart_service?: string },
): string | undefined {
  return check.service ?? component.restart_service;
}

/**
 * What a check says only together with its component. QxError `malformed` for a service check without a
 * service, and for a command inside a file component that is not that file ("./qx-node" of qx-node).
 */
export function refuseSenselessHealth(component: Checked, where?: string): void {
  for (const check of (component.health ?? []).filter(isKnownCheck)) {
    if (check.type === 'service' && serviceOf(check, component) === undefined) {
      throw new QxError('malformed', `${component.name}: a service check of no service`, {
        where,
        expected: 'service, or restart_service of the component',
        found: 'neither',
      });
    }
    const own = `./${component.name}`;
    if (check.type !== 'command' || !check.file.startsWith('./')) continue;
    if (component.kind === 'directory' || check.file === own) continue;
    throw new QxError(
      'malformed',
      `${component.name}: a command inside a component that is one file`,
      { where, expected: `"${own}", or a name in hooks.d`, found: check.file },
    );
  }
}

/** How a check is named in tables and logs: "http 127.0.0.1:8080/health". */
export function describeCheck(
  check: HealthCheck,
  component: { restart_service?: string },
): string {
  switch (check.type) {
    case 'service':
      return `service ${serviceOf(check, component) ?? ''}`;
    case 'tcp':
      return `tcp 127.0.0.1:${check.port}`;
    case 'http':
      return `${check.scheme ?? 'http'} 127.0.0.1:${check.port}${check.path}`;
    case 'command':
      return ['command', check.file, ...(check.args ?? [])].join(' ');
  }
}
