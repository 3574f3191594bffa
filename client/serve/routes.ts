import type { Served, ServedReply } from '../effects/effects.ts';
import type { Change } from './guard.ts';
import * as read from './reading.ts';
import * as change from './changing.ts';
import type { Service } from './service.ts';
import type { Style } from './settings.ts';

/** What stands behind one method of one path. `body` is the JSON of the request, undefined where there is none. */
export interface Endpoint {
  change: Change;
  answer: (
    service: Service,
    style: Style,
    body: object | undefined,
  ) => Promise<ServedReply>;
}

const PREFIX = '/api/v1/updates/';

const reads = (answer: Endpoint['answer']): Endpoint => ({ change: 'nothing', answer });

const APPLY: Endpoint = { change: 'release', answer: change.apply };

/** Paths behind /api/v1/updates/, and what each method does there. */
const ROUTES: Readonly<Record<string, Readonly<Record<string, Endpoint>>>> = {
  check: { GET: reads(read.check) },
  current: { GET: reads(read.current) },
  version: { GET: reads(read.version) },
  status: { GET: reads(read.status) },
  events: { GET: reads(read.events) },
  volumes: { GET: reads(read.volumes) },
  config: {
    GET: reads(read.config),
    PUT: { change: 'settings', answer: change.config },
  },
  apply: { POST: APPLY },
  reset: { POST: { change: 'status', answer: change.reset } },
  'vdc/status': { GET: reads(read.status) },
  'vdc/events': { GET: reads(read.events) },
  // The dashboard asks with POST; it changes nothing.
  'vdc/check': { GET: reads(read.check), POST: reads(read.check) },
  'vdc/apply': { POST: APPLY },
};

export interface Found {
  methods: string[];
  endpoint: Endpoint | undefined;
  /** Those of /vdc/ have their own words. */
  style: Style | undefined;
}

/**
 * By the path as it was written, letter by letter: nothing is decoded and no ".." is followed, so that what a proxy in
 * front has let through is what is asked here. Null where there is nothing.
 */
export function findRoute({
  method,
  target,
}: Pick<Served, 'method' | 'target'>): Found | null {
  const [path = ''] = target.split('?');
  const name = path.slice(PREFIX.length);
  if (!path.startsWith(PREFIX) || !Object.hasOwn(ROUTES, name)) return null;
  const route = ROUTES[name] ?? {};
  const asked = method === 'HEAD' ? 'GET' : method;
  return {
    methods: Object.keys(route).flatMap((each) =>
      each === 'GET' ? ['GET', 'HEAD'] : each,
    ),
    endpoint: Object.hasOwn(route, asked) ? route[asked] : undefined,
    style: name.startsWith('vdc/') ? 'vdc' : undefined,
  };
}
